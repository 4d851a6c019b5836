import { desktop } from '../machines.js';
import type { Scene } from '../scene.js';
import { dma, mapGuest, setIommu, toContainer } from '../steps.js';

const DEVICE = '0000:00:02.0';

export const stolenMemoryInGuest: Scene = {
  name: 'stolen-memory-in-guest',
  title: 'Integrated graphics reads its stolen memory inside a guest',
  story:
    'A guest with the integrated graphics showed nothing, and the host logged reads of one address without end. Firmware reserves that memory for the graphics (RMRR); the kernel lets graphics be given away all the same, and a guest has nothing mapped there.',
  thread: 'https://github.com/patmagauran/i915ovmfPkg/issues/23',
  machine: () => desktop({ reserved: [{ first: '9c000000', last: '9fffffff', at: '00:02.0' }] }),
  kernel: {},
  steps: [
    ...toContainer(DEVICE),
    setIommu,
    mapGuest('The guest gets memory.', '0', 0x1000000),
    dma('The graphics refreshes the screen from stolen memory.', DEVICE, '9c000000', 'READ'),
  ],
  ending: {
    kind: 'FAULT',
    verdict: 'RMRR_MISSING',
    logLine:
      'DMAR: [DMA Read] Request device [00:02.0] PASID ffffffff fault addr 9c000000 [fault reason 06] PTE Read access is not set',
  },
};
