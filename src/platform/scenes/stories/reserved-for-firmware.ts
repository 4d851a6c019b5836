import { endpoint, rootPort } from '../../templates/kinds.js';
import { CHIPS } from '../../templates/legacy-desktop/chips.js';
import { desktop } from '../machines.js';
import type { Scene } from '../scene.js';
import { setIommu, toContainer } from '../steps.js';

const DEVICE = '0000:04:00.0';
const NIC = {
  vendorId: 0x14e4,
  deviceId: 0x1657,
  classCode: 0x020000,
  revision: 1,
  name: 'NetXtreme BCM5719 Gigabit Ethernet PCIe',
  driver: 'tg3',
} as const;

export const reservedForFirmware: Scene = {
  name: 'reserved-for-firmware',
  title: 'A network card cannot be given to a guest, by order of the firmware',
  story:
    'On servers whose management controller shares memory with every card, firmware reserves that memory for them (RMRR), and the kernel gives such a device to no user: EPERM, and a line that names the vendor. Patches that call every such region relaxable go around.',
  thread: 'https://github.com/harvester/harvester/issues/7340',
  machine: () =>
    desktop({
      functions: [
        rootPort('00:1c.0', CHIPS.graphicsPort, { secondary: 4, slot: 0x14, acs: true }),
        endpoint('04:00.0', NIC),
      ],
      reserved: [{ first: 'bdf83000', last: 'bdf84fff', at: '00:1c.0', path: ['00.0'] }],
    }),
  kernel: { profile: 'V5_15' },
  steps: [...toContainer(DEVICE), setIommu],
  ending: {
    kind: 'REFUSAL',
    errno: 'EPERM',
    mirrors: 'intel_iommu_attach_device',
    verdict: 'RMRR_LOCKED',
    logLine:
      'vfio-pci 0000:04:00.0: DMAR: Device is ineligible for IOMMU domain attach due to platform RMRR requirement.  Contact your platform vendor.',
  },
};
