import { buildDmar } from '../../../firmware/dmar/build.js';
import { parseDmar } from '../../../firmware/dmar/parse.js';
import { describeFunctions } from '../function-plan.js';
import type { MachineTemplate } from '../machine-template.js';
import { FUNCTIONS } from './functions.js';
import { DMAR, UNIT_REGISTERS } from './units.js';

/**
 * A two-socket Sapphire Rapids server, the first generation that ships what the subdevice series was
 * written for. Sources: kernel logs and listings of such machines; see the tables for what is not known.
 */
export const sapphireRapids: MachineTemplate = {
  name: 'sapphire-rapids',
  description:
    'Two-socket server with scalable mode: nine remapping units, two data streaming accelerators that ' +
    'offer work queues as subdevices, a network card with virtual functions, NVMe disks, a RAID ' +
    'controller tied to reserved memory, and a conventional PCI bus.',
  describe: () => ({
    dmar: parseDmar(buildDmar(DMAR)).table,
    functions: describeFunctions(FUNCTIONS),
    units: UNIT_REGISTERS,
    // Kernels of that time leave scalable mode off unless told.
    commandLine: 'intel_iommu=on,sm_on',
    reportedGroups: [],
  }),
};
