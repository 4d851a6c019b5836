import { orU64, u64, u64FromNumber } from '../../../bits/u64.js';
import { sapphireRapids } from '../../templates/sapphire-rapids/index.js';
import type { Scene } from '../scene.js';
import { deviceOf, dma } from '../steps.js';

const DEVICE = '0000:6a:01.0';

export const rootEntryGarbage: Scene = {
  name: 'root-entry-garbage',
  title: 'An accelerator halts on reserved bits in its root entry',
  story:
    'On some of a batch of equal servers the data streaming accelerator halted with this fault as soon as it was given work with a PASID, on others never. What the unit read as the root entry of the bus was not what the kernel had meant to be there.',
  thread: 'https://github.com/intel/dsa-perf-micros/issues/3',
  machine: () => sapphireRapids.describe(),
  kernel: { profile: 'V5_15' },
  steps: [
    {
      says: 'The root entry of the bus gets bits that mean nothing.',
      command: (platform) => {
        const unit = platform.hardwareUnit(deviceOf(platform, DEVICE).unit!.name);
        const at = unit.rootTable.address + 0x6a * 16;
        const words = [orU64(platform.machine.memory.load64(at), u64(0, 0x1f0)), u64FromNumber(0)];
        return { type: 'pokeMemory', address: at, words };
      },
    },
    dma('The accelerator fetches its descriptor.', DEVICE, '7fe0c9943000', 'READ', { pasid: 2 }),
  ],
  ending: {
    kind: 'FAULT',
    verdict: 'RESERVED_BITS',
    logLine:
      'DMAR: [DMA Read PASID 0x2] Request device [6a:01.0] fault addr 0x7fe0c9943000 [fault reason 0x3a] SM: Non-zero reserved field set in Root Entry',
  },
};
