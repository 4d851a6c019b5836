import { card, desktop } from '../machines.js';
import type { Scene } from '../scene.js';
import { dma, map, unmap } from '../steps.js';

const DEVICE = '0000:01:00.0';
const XHCI = {
  vendorId: 0x1912,
  deviceId: 0x0014,
  classCode: 0x0c0330,
  revision: 3,
  name: 'uPD720201 USB 3.0 Host Controller',
  driver: 'xhci_hcd',
} as const;

export const cancelledTransfer: Scene = {
  name: 'cancelled-transfer',
  title: 'A USB controller goes on writing after a transfer was given up',
  story:
    'A disk behind a USB 3 controller sent more than was asked (error -75), the transfer was ended and its buffer unmapped, and the controller wrote once more: "WARN Event TRB ... with no TDs queued".',
  thread: 'https://lore.kernel.org/r/ZsjgmCjHdzck9UKd@alphanet.ch',
  machine: () => desktop({ without: ['00:01.0', '01:00.1'], functions: card('00:1c.0', 1, XHCI) }),
  kernel: {},
  steps: [
    map('The driver maps a buffer for data from the disk.', DEVICE, {
      iova: 'f2e60000',
      physical: '140000000',
      bytes: 0x10000,
      access: 'WRITE',
    }),
    dma('The controller writes data.', DEVICE, 'f2e60000', 'WRITE'),
    unmap('The transfer is ended and its buffer unmapped.', DEVICE, 'f2e60000', 0x10000),
    dma('The controller writes what came late.', DEVICE, 'f2e69000', 'WRITE'),
  ],
  ending: {
    kind: 'FAULT',
    verdict: 'USE_AFTER_UNMAP',
    logLine:
      'DMAR: [DMA Write] Request device [01:00.0] PASID ffffffff fault addr f2e69000 [fault reason 05] PTE Write access is not set',
  },
};
