import type { Scene } from '../scene.js';
import { dma } from '../steps.js';
import {
  ATTACH_AND_MAP,
  ENABLE_AUX,
  PARENT,
  createSubdevice,
  sapphireRapidsMachine,
} from '../subdevice-steps.js';

export const needlessPasid: Scene = {
  name: 'needless-pasid',
  title: 'A driver marks a PASID valid that nobody gave it',
  story:
    'An accelerator driver set "PASID valid" in every request to its device, also for clients that have none. The device put that number on its DMA, the IOMMU knew no domain of that number, and the device stalled.',
  thread: 'https://github.com/amd/xdna-driver/pull/1445',
  machine: sapphireRapidsMachine,
  kernel: {},
  steps: [
    ENABLE_AUX,
    createSubdevice,
    ...ATTACH_AND_MAP,
    dma('The device reads with a PASID nobody gave it.', PARENT, '200000', 'READ', { pasid: 9 }),
  ],
  ending: {
    kind: 'FAULT',
    verdict: 'WRONG_PASID',
    logLine:
      'DMAR: [DMA Read] Request device [6a:01.0] PASID 9 fault addr 200000 [fault reason 89] SM: Present bit in PASID Table Entry is clear',
  },
};
