import { desktop } from '../machines.js';
import type { Scene } from '../scene.js';
import { toContainer } from '../steps.js';

const steps = toContainer('0000:01:00.0');

export const groupNotViable: Scene = {
  name: 'group-not-viable',
  title: 'A graphics card is given away without the functions beside it',
  story:
    '"group 1 is not viable. Please ensure all devices within the iommu_group are bound to their vfio bus driver": the audio function of the card, and whatever is behind the same ports without ACS, still have their host drivers.',
  thread: 'https://github.com/kubevirt/kubevirt/issues/6718',
  machine: desktop,
  kernel: { profile: 'V6_1' },
  steps,
  ending: {
    kind: 'REFUSAL',
    errno: 'EPERM',
    mirrors: 'iommu_group_claim_dma_owner',
    verdict: 'HOST_DRIVER_BOUND',
    logLine: null,
  },
};
