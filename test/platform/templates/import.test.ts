import type { PciFunctionDescription } from '../../../src/firmware/description.js';
import { describeMachine } from '../../../src/firmware/import.js';
import { templates } from '../../../src/platform/templates/index.js';
import { machineTexts } from '../../support/machine-texts.js';

/** In a listing nothing marks where a vendor's name ends when it has no legal form: "Broadcom / LSI". */
const joinNames = ({ vendorName, deviceName, ...fn }: PciFunctionDescription) => ({
  ...fn,
  name: [vendorName, deviceName].filter((part) => part !== null).join(' '),
});

describe.each(templates.map((template) => [template.name, template.describe()] as const))(
  'template %s, exported as texts and imported again',
  (_name, machine) => {
    const { description, warnings } = describeMachine(machineTexts(machine));
    // Units of another vendor and parents without hardware are in no table and no listing.
    const { otherUnits, softwareParents: _unlisted, ...listed } = machine;

    it('is the same machine, but for subdevice types, which no listing shows', () => {
      const seen = machine.functions
        .map((fn) => ({ ...fn, mdevTypes: [], parentBus: undefined }))
        .map(joinNames);
      expect({ ...description, functions: description.functions.map(joinNames) }).toEqual({
        ...listed,
        functions: seen,
      });
    });

    it('gives no cause for warnings, except for no group listing and functions of no Intel unit', () => {
      const expected = otherUnits === undefined ? ['iommuGroups'] : ['dmar', 'iommuGroups'];
      expect(warnings.map(({ source }) => source)).toEqual(expected);
    });
  },
);
