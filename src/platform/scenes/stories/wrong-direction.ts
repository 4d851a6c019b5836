import { card, desktop } from '../machines.js';
import type { Scene } from '../scene.js';
import { dma, map } from '../steps.js';

const DEVICE = '0000:06:00.0';
const NIC = {
  vendorId: 0x8086,
  deviceId: 0x1533,
  classCode: 0x020000,
  revision: 3,
  name: 'I210 Gigabit Network Connection',
  driver: 'igb',
} as const;

export const wrongDirection: Scene = {
  name: 'wrong-direction',
  title: 'A driver maps what it sends as if it received it',
  story:
    'A network driver for audio and video mapped pages for sending with DMA_FROM_DEVICE. Without an IOMMU that went unnoticed; with one, every frame was refused. The fix maps them in both directions.',
  thread: 'https://github.com/Avnu/igb_avb/pull/11',
  machine: () => desktop({ functions: card('00:1c.0', 6, NIC) }),
  kernel: {},
  steps: [
    map('The driver maps a page, for the device to write.', DEVICE, {
      iova: 'ffffd000',
      physical: '12345000',
      bytes: 4096,
      access: 'WRITE',
    }),
    dma('The device reads the frame it is to send.', DEVICE, 'ffffd000', 'READ'),
  ],
  ending: {
    kind: 'FAULT',
    verdict: 'WRONG_DIRECTION',
    logLine:
      'DMAR: [DMA Read] Request device [06:00.0] PASID ffffffff fault addr ffffd000 [fault reason 06] PTE Read access is not set',
  },
};
