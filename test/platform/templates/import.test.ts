import { toHexDigits } from '../../../src/bits/u64.js';
import type { MachineDescription, PciFunctionDescription } from '../../../src/firmware/description.js';
import { buildDmar } from '../../../src/firmware/dmar/build.js';
import { describeMachine } from '../../../src/firmware/import.js';
import { templates } from '../../../src/platform/templates/index.js';
import { lspciText } from '../../support/lspci-text.js';

/** `grep . -r /sys/class/iommu`, abridged. */
const unitsText = ({ units }: MachineDescription) =>
  units
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

/** In a listing nothing marks where a vendor's name ends when it has no legal form: "Broadcom / LSI". */
const joinNames = ({ vendorName, deviceName, ...fn }: PciFunctionDescription) => ({
  ...fn,
  name: [vendorName, deviceName].filter((part) => part !== null).join(' '),
});

describe.each(templates.map((template) => [template.name, template.describe()] as const))(
  'template %s, exported as texts and imported again',
  (_name, machine) => {
    const { description, warnings } = describeMachine({
      dmar: Buffer.from(buildDmar(machine.dmar as Parameters<typeof buildDmar>[0])).toString('base64'),
      pci: lspciText(machine.functions),
      iommuUnits: unitsText(machine),
      kernelLog: `[    0.000000] Command line: ${machine.commandLine}\n`,
    });

    it('is the same machine, but for subdevice types, which no listing shows', () => {
      const seen = machine.functions.map((fn) => ({ ...fn, mdevTypes: [] })).map(joinNames);
      expect({ ...description, functions: description.functions.map(joinNames) }).toEqual({
        ...machine,
        functions: seen,
      });
    });

    it('gives no cause for warnings, except that it comes without a group listing', () => {
      expect(warnings.map(({ source }) => source)).toEqual(['iommuGroups']);
    });
  },
);
