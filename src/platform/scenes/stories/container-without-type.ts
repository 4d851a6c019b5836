import { desktop } from '../machines.js';
import type { Scene } from '../scene.js';
import { dma, mapGuest, toContainer } from '../steps.js';

const DEVICE = '0000:03:00.0';

export const containerWithoutType: Scene = {
  name: 'container-without-type',
  title: 'A daemon maps memory before its container has an IOMMU type',
  story:
    'A storage daemon mapped its buffers right after it had opened its container and was refused with EINVAL, whatever the address: the type of the container was set later only. Until then the group is blocked, and a disk that is not at rest faults wherever it turns.',
  thread: 'https://github.com/chimera-nas/libevpl/pull/86',
  machine: desktop,
  kernel: { profile: 'V6_1' },
  steps: [
    ...toContainer(DEVICE),
    { ...mapGuest('The daemon maps its buffers, too early.', '100000', 0x100000), isRefused: true },
    dma('The disk fetches from the queue it was told of.', DEVICE, '100000', 'READ'),
  ],
  ending: {
    kind: 'FAULT',
    verdict: 'BLOCKED_DOMAIN',
    logLine:
      'DMAR: [DMA Read NO_PASID] Request device [03:00.0] fault addr 0x100000 [fault reason 0x06] PTE Read access is not set',
  },
};
