import { conventional } from '../../templates/kinds.js';
import { desktop } from '../machines.js';
import type { Scene } from '../scene.js';
import { dma, map } from '../steps.js';

const DEVICE = '0000:00:12.0';
const SMBUS = {
  vendorId: 0x8086,
  deviceId: 0x19ac,
  classCode: 0x088000,
  revision: 0x11,
  name: 'Atom Processor C3000 Series SMBus Contoller - Host',
  driver: 'ismt_smbus',
} as const;

export const addressZero: Scene = {
  name: 'address-zero',
  title: 'An SMBus controller writes to address 0',
  story:
    'A network switch logged thousands of writes to address 0 from its SMBus controller, as a device does that was given no address at all. The distribution switched the IOMMU off instead of asking why.',
  thread: 'https://github.com/opencomputeproject/OpenNetworkLinux/pull/897',
  machine: () => desktop({ functions: [conventional('00:12.0', SMBUS)] }),
  kernel: {},
  steps: [
    map('The driver maps its descriptor ring.', DEVICE, {
      iova: 'fffff000',
      physical: '101000',
      bytes: 4096,
      access: 'BOTH',
    }),
    dma('The controller writes to the address in an empty descriptor.', DEVICE, '0', 'WRITE'),
  ],
  ending: {
    kind: 'FAULT',
    verdict: 'NEVER_MAPPED',
    logLine:
      'DMAR: [DMA Write] Request device [00:12.0] PASID ffffffff fault addr 0 [fault reason 05] PTE Write access is not set',
  },
};
