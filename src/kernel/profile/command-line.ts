import type { KernelOptions } from './options.js';
import type { KernelProfile } from './profile.js';

/** What the boot command line decides. */
export interface BootParameters {
  /** DMA remapping is wanted. */
  readonly remapping: boolean;
  /** Not even the units are looked at: `iommu=off`. */
  readonly noIommu: boolean;
  readonly scalableMode: boolean;
  /** The word that decided about scalable mode; null when the build option did. */
  readonly scalableModeWord: string | null;
  readonly passthrough: boolean;
  readonly passthroughFromCommandLine: boolean;
  readonly strict: boolean;
  readonly strictFromCommandLine: boolean;
  readonly superpages: boolean;
  readonly mapsGraphics: boolean;
  /** Lines printed while parsing, in order. */
  readonly lines: readonly string[];
}

type Draft = { -readonly [K in keyof BootParameters]: BootParameters[K] } & { lines: string[] };

/**
 * Reads the words of a boot command line that concern DMA remapping; later words win.
 * Linux: intel_iommu_setup(), iommu_setup() of x86, iommu_set_def_domain_type(), iommu_dma_setup().
 */
export function parseCommandLine(
  commandLine: string,
  options: KernelOptions,
  profile: KernelProfile,
): BootParameters {
  const draft: Draft = {
    remapping: options.isOn('CONFIG_INTEL_IOMMU_DEFAULT_ON'),
    noIommu: false,
    scalableMode: options.isOn('CONFIG_INTEL_IOMMU_SCALABLE_MODE_DEFAULT_ON'),
    scalableModeWord: null,
    passthrough: options.isOn('CONFIG_IOMMU_DEFAULT_PASSTHROUGH'),
    passthroughFromCommandLine: false,
    strict: false,
    strictFromCommandLine: false,
    superpages: true,
    mapsGraphics: true,
    lines: [],
  };
  for (const word of commandLine.split(/\s+/)) {
    const [name, value = ''] = splitOnce(word);
    if (name === 'intel_iommu') for (const each of value.split(',')) intelOption(draft, each, profile);
    if (name === 'iommu') for (const each of value.split(',')) x86Option(draft, each);
    if (name === 'iommu.passthrough') setPassthrough(draft, isTrue(value));
    if (name === 'iommu.strict' && profile.heedsIommuStrict) {
      draft.strict = isTrue(value);
      draft.strictFromCommandLine = true;
    }
  }
  if (!options.isOn('CONFIG_INTEL_IOMMU')) return { ...draft, remapping: false, lines: [] };
  return draft;
}

/** Options are matched by prefix, and unknown ones are ignored. */
function intelOption(draft: Draft, text: string, profile: KernelProfile): void {
  if (text.startsWith('on')) {
    draft.remapping = true;
    draft.lines.push('DMAR: IOMMU enabled');
  } else if (text.startsWith('off')) {
    draft.remapping = false;
    draft.lines.push('DMAR: IOMMU disabled');
  } else if (text.startsWith('igfx_off')) {
    draft.mapsGraphics = false;
    draft.lines.push('DMAR: Disable GFX device mapping');
  } else if (text.startsWith('forcedac')) {
    draft.lines.push('DMAR: Forcing DAC for PCI devices');
  } else if (text.startsWith('strict')) {
    draft.strict = true;
    draft.strictFromCommandLine = true;
    draft.lines.push(profile.strictLine);
  } else if (text.startsWith('sp_off')) {
    draft.superpages = false;
    draft.lines.push('DMAR: Disable supported super page');
  } else if (text.startsWith('sm_on')) {
    draft.scalableMode = true;
    draft.scalableModeWord = 'sm_on';
    draft.lines.push(profile.scalableModeOnLine);
  } else if (text.startsWith('sm_off') && profile.knowsScalableModeOff) {
    draft.scalableMode = false;
    draft.scalableModeWord = 'sm_off';
    draft.lines.push('DMAR: Scalable mode is disallowed');
  }
}

function x86Option(draft: Draft, text: string): void {
  if (text.startsWith('off')) draft.noIommu = true;
  if (text.startsWith('pt')) setPassthrough(draft, true);
  if (text.startsWith('nopt')) setPassthrough(draft, false);
}

function setPassthrough(draft: Draft, passthrough: boolean): void {
  draft.passthrough = passthrough;
  draft.passthroughFromCommandLine = true;
}

function splitOnce(word: string): [string, string | undefined] {
  const at = word.indexOf('=');
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

/** Linux: kstrtobool(). */
function isTrue(value: string): boolean {
  return /^(?:y|t|1|on)/i.test(value);
}
