import { formatPciAddress } from '../../../src/bits/pci-address.js';
import type { MachineDescription, PciFunctionDescription } from '../../../src/firmware/description.js';
import type { DeviceScope } from '../../../src/layout/dmar/table.js';

export const at = (text: string, machine: MachineDescription): PciFunctionDescription => {
  const found = machine.functions.find(({ address }) => formatPciAddress(address) === `0000:${text}`);
  if (!found) throw new Error(`no function ${text}`);
  return found;
};

export const isBridge = ({ config }: PciFunctionDescription): boolean => (config[0x0e] & 0x7f) === 1;
export const secondaryBus = ({ config }: PciFunctionDescription): number => config[0x19];

/** Follows a scope's path by the rule of VT-d 8.3.1; null when a hop is missing. */
export function resolve(
  machine: MachineDescription,
  { startBus, path }: DeviceScope,
): PciFunctionDescription | null {
  let bus = startBus;
  let found: PciFunctionDescription | undefined;
  for (const [index, hop] of path.entries()) {
    found = machine.functions.find(
      ({ address }) =>
        address.bus === bus && address.device === hop.device && address.function === hop.function,
    );
    if (!found) return null;
    if (index + 1 < path.length) bus = secondaryBus(found);
  }
  return found ?? null;
}
