import { parsePciAddress } from '../../../bits/pci-address.js';
import { buildDmar } from '../../../firmware/dmar/build.js';
import { parseDmar } from '../../../firmware/dmar/parse.js';
import { MTTY_TYPES } from '../../subdevice-drivers.js';
import { describeFunctions } from '../function-plan.js';
import type { MachineTemplate } from '../machine-template.js';
import { DMAR, UNITS } from './units.js';
import { FUNCTIONS, SECOND_VENDOR } from './functions.js';

/** The machine of the question what happens when two drivers want the one subdevice bus. */
export const twoVendors: MachineTemplate = {
  name: 'two-vendors',
  description:
    'Thought experiment with three kinds of subdevice parent: an accelerator behind an Intel unit, an ' +
    'imagined one in a segment of its own behind a unit of a second vendor, and the sample driver mtty, ' +
    'which has no hardware. Of the second vendor only which table of operations serves its subdevices is ' +
    'modelled: it makes no domains, attaches nothing and lets no DMA through.',
  describe: () => ({
    dmar: parseDmar(buildDmar(DMAR)).table,
    functions: describeFunctions(FUNCTIONS),
    units: UNITS.map((unit) => ({ ...unit })),
    commandLine: 'intel_iommu=on,sm_on',
    reportedGroups: [],
    otherUnits: [{ vendor: 'amd', devices: [parsePciAddress(SECOND_VENDOR)!] }],
    softwareParents: [{ name: 'mtty', driver: 'mtty', mdevTypes: MTTY_TYPES }],
  }),
};
