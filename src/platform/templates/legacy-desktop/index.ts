import { buildDmar } from '../../../firmware/dmar/build.js';
import { parseDmar } from '../../../firmware/dmar/parse.js';
import { describeFunctions } from '../function-plan.js';
import type { MachineTemplate } from '../machine-template.js';
import { FUNCTIONS } from './functions.js';
import { DMAR, UNITS } from './units.js';

/** A desktop as most people who ever passed a graphics card to a guest had it. */
export const legacyDesktop: MachineTemplate = {
  name: 'legacy-desktop',
  description:
    'Desktop without scalable mode: integrated graphics behind a remapping unit of their own, reserved ' +
    'memory for graphics and USB, and two slots without ACS, so that a graphics card, its audio function ' +
    'and a disk share one group.',
  describe: () => ({
    dmar: parseDmar(buildDmar(DMAR)).table,
    functions: describeFunctions(FUNCTIONS),
    units: UNITS.map((unit) => ({ ...unit })),
    commandLine: 'intel_iommu=on',
    reportedGroups: [],
  }),
};
