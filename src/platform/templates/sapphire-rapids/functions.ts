import type { FunctionPlan } from '../function-plan.js';
import {
  conventional,
  endpoint,
  errorReporting,
  eventCollector,
  expressToPciBridge,
  integratedEndpoint,
  rootPort,
} from '../kinds.js';
import { accelerators } from './accelerators.js';
import { CHIPS } from './chips.js';
import { network } from './network.js';

/** Every I/O stack of the processor starts with the same four functions. */
function stack(bus: string): FunctionPlan[] {
  return [
    integratedEndpoint(`${bus}:00.0`, CHIPS.memoryMap),
    integratedEndpoint(`${bus}:00.1`, CHIPS.mesh, { more: errorReporting }),
    integratedEndpoint(`${bus}:00.2`, CHIPS.ras),
    eventCollector(`${bus}:00.4`, CHIPS.eventCollector),
  ];
}

function nvme(bus: string, memory: number): FunctionPlan {
  return endpoint(`${bus}:00.0`, CHIPS.nvme, {
    more: (config) =>
      config.msix({ enabled: true, vectors: 130, tableOffset: 0x3000, pendingOffset: 0x2000 }, 0xb0),
    baseAddresses: [memory | 4, 0],
  });
}

const withMsi: FunctionPlan['capabilities'] = (config) => config.msi({ address64: true }, 0x80);

/** The chipset, which hangs on the first stack of the first socket. */
const CHIPSET: readonly FunctionPlan[] = [
  rootPort('00:0d.0', CHIPS.pchRootPort, { secondary: 0x01, subordinate: 0x02, slot: 13, acs: true }),
  // The management controller's graphics sit on a conventional bus inside its chip.
  expressToPciBridge('01:00.0', CHIPS.bmcBridge, 0x02),
  conventional('02:00.0', CHIPS.bmcGraphics, { baseAddresses: [0x94000000, 0x95000000, 0x1001] }),
  conventional('00:14.0', CHIPS.usb, { more: withMsi, baseAddresses: [0x96000004, 0] }),
  conventional('00:14.2', CHIPS.sharedMemory, { baseAddresses: [0x96018004, 0, 0x9601a004] }),
  conventional('00:16.0', CHIPS.management, { more: withMsi, baseAddresses: [0x9601b004, 0] }),
  conventional('00:17.0', CHIPS.sata, { more: withMsi, baseAddresses: [0x96014000, 0x9601c000] }),
  conventional('00:1f.0', CHIPS.lpc),
  conventional('00:1f.4', CHIPS.smbus, { baseAddresses: [0x9601d004, 0] }),
  conventional('00:1f.5', CHIPS.spi, { baseAddresses: [0xfe010000] }),
];

/** Buses as firmware numbers them on such machines: the second socket starts at 80. */
export const FUNCTIONS: readonly FunctionPlan[] = [
  ...stack('00'),
  ...CHIPSET,

  ...stack('15'),
  rootPort('15:01.0', CHIPS.rootPortA, { secondary: 0x16, slot: 1, acs: true, ari: true }),
  ...network('16'),

  ...stack('26'),
  rootPort('26:01.0', CHIPS.rootPortA, { secondary: 0x27, slot: 2, acs: true }),
  endpoint('27:00.0', CHIPS.raid, {
    more: (config) =>
      config.msix({ enabled: true, vectors: 128, tableOffset: 0xe000, pendingOffset: 0xf000 }, 0xb0),
    baseAddresses: [0xac70000c, 0, 0xac80000c, 0],
  }),
  rootPort('26:03.0', CHIPS.rootPortB, { secondary: 0x28, slot: 3, acs: true }),
  nvme('28', 0xac600000),

  ...stack('37'),
  rootPort('37:01.0', CHIPS.rootPortA, { secondary: 0x38, subordinate: 0x39, slot: 4, acs: true }),
  expressToPciBridge('38:00.0', CHIPS.serialBridge, 0x39),
  conventional('39:04.0', CHIPS.serial, { baseAddresses: [0x3001, 0xb2001000] }),
  conventional('39:04.1', CHIPS.parallel, { baseAddresses: [0x3021, 0x3031, 0, 0xb2000000] }),
  rootPort('37:03.0', CHIPS.rootPortB, { secondary: 0x3a, slot: 5, acs: true }),
  nvme('3a', 0xb2100000),

  ...stack('6a'),
  ...accelerators('6a'),

  ...stack('80'),
  rootPort('80:01.0', CHIPS.rootPortA, { secondary: 0x81, slot: 6, acs: true }),
  nvme('81', 0xcb000000),

  ...stack('97'),
  rootPort('97:01.0', CHIPS.rootPortA, { secondary: 0x98, slot: 7, acs: true }),
  nvme('98', 0xd1000000),

  ...stack('a7'),
  rootPort('a7:01.0', CHIPS.rootPortA, { secondary: 0xa8, slot: 8, acs: true }),
  nvme('a8', 0xd8000000),

  ...stack('e7'),
  ...accelerators('e7'),
];
