import { toHexDigits } from '../../src/bits/u64.js';
import type { MachineDescription } from '../../src/firmware/description.js';
import { buildDmar } from '../../src/firmware/dmar/build.js';
import { lspciText } from './lspci-text.js';

/** The texts a person would take off a machine that is like this description. */
export function machineTexts(machine: MachineDescription) {
  return {
    dmar: Buffer.from(buildDmar(machine.dmar as Parameters<typeof buildDmar>[0])).toString('base64'),
    pci: lspciText(machine.functions),
    iommuUnits: unitsText(machine),
    kernelLog: `[    0.000000] Command line: ${machine.commandLine}\n`,
  };
}

/** `grep . -r /sys/class/iommu`, abridged. */
function unitsText({ units }: MachineDescription): string {
  return units
    .flatMap(({ registerBase, capability, extendedCapability, version }, index) => {
      const directory = `/sys/class/iommu/dmar${index}/intel-iommu`;
      return [
        `${directory}/address:${toHexDigits(registerBase)}`,
        `${directory}/cap:${toHexDigits(capability)}`,
        `${directory}/ecap:${toHexDigits(extendedCapability)}`,
        `${directory}/version:${version >>> 4}:${version & 15}`,
      ];
    })
    .join('\n');
}
