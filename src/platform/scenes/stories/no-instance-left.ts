import { integratedEndpoint } from '../../templates/kinds.js';
import { CHIPS } from '../../templates/legacy-desktop/chips.js';
import type { MdevTypeDescription } from '../../../firmware/description.js';
import { desktop } from '../machines.js';
import type { Scene, Step } from '../scene.js';

const type = (group: string, cost: number): MdevTypeDescription => ({
  group,
  displayName: null,
  description: null,
  deviceApi: 'vfio-pci',
  cost,
  pool: 'aperture',
  capacity: 2,
});

function create(says: string, uuid: string): Step {
  return {
    says,
    command: () => ({ type: 'createMdev', parent: '0000:00:02.0', mdevType: 'i915-GVTg_V5_4', uuid }),
  };
}

export const noInstanceLeft: Scene = {
  name: 'no-instance-left',
  title: 'One virtual graphics device, and no room for a second',
  story:
    '"write error: No space left on device" on making a second vGPU: the aperture of the graphics holds one of the larger type or two of the smaller, and available_instances says 0. Firmware that offers a larger aperture makes room for more.',
  thread: 'https://github.com/intel/gvt-linux/issues/122',
  machine: () =>
    desktop({
      functions: [
        integratedEndpoint('00:02.0', CHIPS.graphics, {
          mdevTypes: [type('GVTg_V5_4', 2), type('GVTg_V5_8', 1)],
        }),
      ],
    }),
  kernel: {},
  steps: [
    create('The first is made.', 'a297db4a-f4c2-11e6-90f6-d3b88d6c9525'),
    create('The second is refused.', 'a297db4a-f4c2-11e6-90f6-d3b88d6c9533'),
  ],
  ending: {
    kind: 'REFUSAL',
    errno: 'ENOSPC',
    mirrors: 'mdev_device_create',
    verdict: 'NO_INSTANCES',
    logLine: null,
  },
};
