import { textLines } from './text-lines.js';

/** A build option as a kernel configuration states it. */
export interface KernelOptionSetting {
  /** `CONFIG_...`. */
  readonly name: string;
  readonly value: 'y' | 'n' | 'm';
}

/** Options a released kernel can have that decide something about remapping. */
const KNOWN = new Set([
  'CONFIG_INTEL_IOMMU',
  'CONFIG_INTEL_IOMMU_DEFAULT_ON',
  'CONFIG_INTEL_IOMMU_SVM',
  'CONFIG_INTEL_IOMMU_FLOPPY_WA',
  'CONFIG_INTEL_IOMMU_SCALABLE_MODE_DEFAULT_ON',
  'CONFIG_IOMMU_DEFAULT_PASSTHROUGH',
]);
/** A choice Debian adds: on, but not for graphics. */
const ALL_BUT_GRAPHICS = 'CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF';
const LINE = /^(?:(CONFIG_[A-Z0-9_]{1,80})=([ynm])|# (CONFIG_[A-Z0-9_]{1,80}) is not set)$/;

/** The options that matter to DMA remapping out of a kernel configuration; any other line is passed over. */
export function readKernelOptions(text: string): {
  options: KernelOptionSetting[];
  findings: string[];
} {
  const values = new Map<string, KernelOptionSetting['value']>();
  const findings: string[] = [];
  let allButGraphics = false;
  for (const { text: line } of textLines(text)) {
    const match = LINE.exec(line);
    if (!match) continue;
    const name = match[1] ?? match[3];
    const value = (match[2] ?? 'n') as KernelOptionSetting['value'];
    if (KNOWN.has(name)) values.set(name, value);
    if (name === ALL_BUT_GRAPHICS && value === 'y') allButGraphics = true;
  }
  if (allButGraphics) {
    values.set('CONFIG_INTEL_IOMMU_DEFAULT_ON', 'y');
    findings.push(`${ALL_BUT_GRAPHICS} is read as CONFIG_INTEL_IOMMU_DEFAULT_ON: graphics are remapped too`);
  }
  return { options: [...values].map(([name, value]) => ({ name, value })), findings };
}
