import { card, desktop } from '../machines.js';
import type { Scene } from '../scene.js';
import { dma, map } from '../steps.js';

const DEVICE = '0000:83:00.0';
const RAID = {
  vendorId: 0x144d,
  deviceId: 0xa80a,
  classCode: 0x010802,
  revision: 0,
  name: 'NVMe RAID controller',
  driver: 'nvme',
} as const;

export const physicalAddress: Scene = {
  name: 'physical-address',
  title: 'A driver programs physical addresses',
  story:
    'After an update switched remapping on at boot, a RAID controller faulted at 0x101700000, which was, as its author found, exactly the physical address of the memory his driver had allocated. (The report is of another operating system; the hardware is the same.)',
  thread: 'https://forums.developer.apple.com/forums/thread/710551',
  machine: () => desktop({ functions: card('00:1c.0', 0x83, RAID) }),
  kernel: {},
  steps: [
    map('The driver maps its queue, and gets a DMA address for it.', DEVICE, {
      iova: 'fff00000',
      physical: '101700000',
      bytes: 0x10000,
      access: 'BOTH',
    }),
    dma('The device reads at the physical address it was told instead.', DEVICE, '101700000', 'READ'),
  ],
  ending: {
    kind: 'FAULT',
    verdict: 'PHYSICAL_ADDRESS_USED',
    logLine:
      'DMAR: [DMA Read] Request device [83:00.0] PASID ffffffff fault addr 101700000 [fault reason 06] PTE Read access is not set',
  },
};
