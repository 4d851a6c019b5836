import type { Scene } from '../scene.js';
import { dma, map } from '../steps.js';
import { ATTACH_AND_MAP, PARENT, createSubdevice, sapphireRapidsMachine } from '../subdevice-steps.js';

export const parentLosesDomain: Scene = {
  name: 'parent-loses-domain',
  title: 'A domain for a subdevice takes the place of its parent’s',
  story:
    'The series that put IOMMU operations on the subdevice bus let a parent without AUX fall back: the domain meant for one subdevice becomes the one of the whole device, and the buffers of its host driver are gone from under it. A reviewer asked for AUX to be required.',
  thread: 'https://lore.kernel.org/r/20201030045809.957927-5-baolu.lu@linux.intel.com',
  machine: sapphireRapidsMachine,
  kernel: {},
  steps: [
    map('The driver of the parent maps its completion ring.', PARENT, {
      iova: 'fff00000',
      physical: '100000000',
      bytes: 0x10000,
      access: 'BOTH',
    }),
    createSubdevice,
    ...ATTACH_AND_MAP,
    dma('The parent writes a completion of its own.', PARENT, 'fff00000', 'WRITE'),
  ],
  ending: {
    kind: 'FAULT',
    verdict: 'DOMAIN_SWITCHED',
    logLine:
      'DMAR: [DMA Write] Request device [6a:01.0] PASID ffffffff fault addr fff00000 [fault reason 121] SM: Read/Write permission error in second-level paging entry',
  },
};
