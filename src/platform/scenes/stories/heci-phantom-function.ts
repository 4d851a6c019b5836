import { desktop } from '../machines.js';
import type { Scene } from '../scene.js';
import { dma } from '../steps.js';

export const heciPhantomFunction: Scene = {
  name: 'heci-phantom-function',
  title: 'The management engine does DMA as function 7, which is not there',
  story:
    'A laptop logged faults of 00:16.7 while a USB device was given to a guest. No such function exists: the management engine at 00:16.0 uses that requester id for some of its own DMA, and the kernel attaches a domain to the ids it sees.',
  thread: 'https://lore.kernel.org/r/20200601105619.5367ed54@gmail.com',
  machine: desktop,
  kernel: {},
  steps: [
    dma('The management engine reads, under the id of function 7.', '0000:00:16.0', '9cdff000', 'READ', {
      requester: '0000:00:16.7',
    }),
  ],
  ending: {
    kind: 'FAULT',
    verdict: 'ALIAS_REQUESTER',
    logLine:
      'DMAR: [DMA Read] Request device [00:16.7] PASID ffffffff fault addr 9cdff000 [fault reason 02] Present bit in context entry is clear',
  },
};
