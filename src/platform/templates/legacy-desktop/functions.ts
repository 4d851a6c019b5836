import { EXTENDED_CAPABILITY } from '../../../layout/pci/capability-ids.js';
import type { FunctionPlan } from '../function-plan.js';
import { conventional, endpoint, rootPort } from '../kinds.js';
import { CHIPS } from './chips.js';

const withMsi: FunctionPlan['capabilities'] = (config) => config.msi({ address64: true }, 0x80);

/**
 * The processor's graphics announce ATS, PASID and PRI, which is real; without scalable mode none of it
 * can be used.
 */
const GRAPHICS: FunctionPlan = {
  at: '00:02.0',
  chip: CHIPS.graphics,
  baseAddresses: [0xde000004, 0, 0xc000000c, 0, 0xf001],
  capabilities: (config) =>
    config
      .express({ portType: 'ROOT_COMPLEX_ENDPOINT' }, 0x70)
      .msi({ enabled: true }, 0xac)
      .pasid({ maxWidth: 20, executeSupported: true }, 0x100)
      .ats({ queueDepth: 32, pageAlignedRequest: true }, 0x200)
      .pri({ maxRequests: 0x8000 }, 0x300),
};

/** The chipset's ports keep capability and control of ACS in 32-bit registers, against the rules. */
const DWORD_ACS_BYTES = 12;
const DWORD_ACS_CAPABILITY = 0x0f;

/**
 * A port whose ACS only a quirk can read: taken at its word, its control register is the upper half of the
 * capability and says that nothing is on. Linux: pci_quirk_intel_spt_pch_acs().
 */
const withDwordAcs: FunctionPlan['capabilities'] = (config) => {
  const body = new Uint8Array(DWORD_ACS_BYTES);
  body[4] = DWORD_ACS_CAPABILITY;
  body[8] = DWORD_ACS_CAPABILITY;
  return config.extendedCapability(EXTENDED_CAPABILITY.accessControlServices, body, 0x220);
};

function nvme(bus: string, memory: number): FunctionPlan {
  return endpoint(`${bus}:00.0`, CHIPS.nvme, {
    more: (config) =>
      config.msix({ enabled: true, vectors: 8, tableOffset: 0x3000, pendingOffset: 0x2000 }, 0xb0),
    baseAddresses: [memory | 4, 0],
  });
}

export const FUNCTIONS: readonly FunctionPlan[] = [
  conventional('00:00.0', CHIPS.hostBridge),
  // Two ports of one slot without ACS: everything behind both is one group.
  rootPort('00:01.0', CHIPS.graphicsPort, { secondary: 0x01, slot: 1 }),
  rootPort('00:01.1', CHIPS.secondGraphicsPort, { secondary: 0x02, slot: 2 }),
  GRAPHICS,
  conventional('00:14.0', CHIPS.usb, { more: withMsi, baseAddresses: [0xdf430004, 0] }),
  conventional('00:14.2', CHIPS.thermal, { more: withMsi, baseAddresses: [0xdf44e004, 0] }),
  conventional('00:16.0', CHIPS.management, { more: withMsi, baseAddresses: [0xdf44d004, 0] }),
  conventional('00:17.0', CHIPS.sata, {
    more: withMsi,
    baseAddresses: [0xdf448000, 0xdf44c000, 0xf091, 0xf081, 0xf061, 0xdf44b000],
  }),
  rootPort('00:1d.0', CHIPS.chipsetPort, { secondary: 0x03, slot: 8, more: withDwordAcs }),
  conventional('00:1f.0', CHIPS.lpc),
  conventional('00:1f.2', CHIPS.powerManagement, { baseAddresses: [0xdf444000] }),
  conventional('00:1f.3', CHIPS.audio, {
    more: withMsi,
    baseAddresses: [0xdf440004, 0, 0, 0, 0xdf420004, 0],
  }),
  conventional('00:1f.4', CHIPS.smbus, { baseAddresses: [0xdf44a004, 0, 0, 0, 0xf041] }),
  conventional('00:1f.6', CHIPS.nic, { more: withMsi, baseAddresses: [0xdf400000] }),
  endpoint('01:00.0', CHIPS.discreteGraphics, {
    more: withMsi,
    baseAddresses: [0xdd000000, 0xa000000c, 0, 0xb000000c, 0, 0xe001],
  }),
  endpoint('01:00.1', CHIPS.discreteAudio, { more: withMsi, baseAddresses: [0xde080000] }),
  nvme('02', 0xdf300000),
  nvme('03', 0xdf200000),
];
