import type { KernelConfig } from '../../../src/kernel/config.js';
import { kernelConfig } from '../../../src/platform/kernel-choice.js';
import { Platform, type PlatformHeader } from '../../../src/platform/platform.js';
import { templates } from '../../../src/platform/templates/index.js';
import { anyCommand } from './any-commands.js';
import { smallHeader } from './small-machine.js';

function headerOf(name: string, kernel: Partial<KernelConfig>): PlatformHeader {
  const template = templates.find((each) => each.name === name)!;
  const description = template.describe();
  const { commandLine } = description;
  return {
    name: 'box',
    origin: 'TEMPLATE',
    createdAt: 1_600_000_000_000,
    description,
    kernel: { ...kernelConfig(commandLine, {}), ...kernel },
    warnings: [],
  };
}

const LEGACY = { commandLine: 'intel_iommu=on' };

/** Machines of every template under every kind of kernel, and one that has everything. */
export const LIVES: readonly {
  readonly name: string;
  readonly header: () => PlatformHeader;
  readonly make: () => Platform;
}[] = [
  ['the small machine', () => smallHeader()],
  ...templates.map(({ name }) => [name, () => headerOf(name, {})] as const),
  ['sapphire-rapids in legacy mode', () => headerOf('sapphire-rapids', LEGACY)],
  [
    'sapphire-rapids under 5.15',
    () => headerOf('sapphire-rapids', { profile: 'V5_15', subdeviceModel: 'AUX_API' }),
  ],
  [
    'sapphire-rapids under 6.1',
    () => headerOf('sapphire-rapids', { profile: 'V6_1', subdeviceModel: 'PASID_ATTACH' }),
  ],
  ['two vendors on one bus', () => headerOf('two-vendors', { busOrganisation: 'PARENT_DERIVED' })],
].map(([name, header]) => ({
  name: name as string,
  header: header as () => PlatformHeader,
  make: () => new Platform((header as () => PlatformHeader)()),
}));

/** Applies any commands; those that name nothing are counted as well, as a log may hold them. */
export function applyAny(platform: Platform, next: () => number, count: number): void {
  for (let index = 0; index < count; index++) {
    const command = anyCommand(platform, next);
    platform.apply({ command, time: 1_600_000_000_000 + platform.revision * 700 });
  }
}
