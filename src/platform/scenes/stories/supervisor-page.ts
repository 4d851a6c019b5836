import { u64 } from '../../../bits/u64.js';
import { FIRST_STAGE } from '../../../layout/first-stage.js';
import { walkDomain } from '../../tables.js';
import type { Scene } from '../scene.js';
import { address, dma, newestDomain } from '../steps.js';
import { ENABLE_AUX, PARENT, SUBDEVICE, createSubdevice, sapphireRapidsMachine } from '../subdevice-steps.js';

const IOVA = '7ecdcd000';

export const supervisorPage: Scene = {
  name: 'supervisor-page',
  title: 'First-stage pages without the user bit',
  story:
    'When the driver began to use tables in the processor’s format it did not set U/S in their entries, and a unit refused every user request with a PASID. The fix sets the bit in all entries of a domain.',
  thread: 'https://lore.kernel.org/r/20200622231345.29722-3-baolu.lu@linux.intel.com',
  machine: () => {
    const machine = sapphireRapidsMachine();
    const [{ extendedCapability }] = machine.units;
    // Only where every unit has first-stage translation do domains use it.
    return { ...machine, units: machine.units.map((unit) => ({ ...unit, extendedCapability })) };
  },
  kernel: {},
  steps: [
    ENABLE_AUX,
    createSubdevice,
    {
      says: 'A domain is allocated for the subdevice.',
      command: () => ({ type: 'allocDomain', bus: 'mdev', domainType: 'UNMANAGED' }),
    },
    {
      says: 'It is attached, under PASID 1.',
      command: (platform) => ({
        type: 'attach',
        domain: newestDomain(platform).number,
        target: { kind: 'Subdevice', name: SUBDEVICE },
      }),
    },
    {
      says: 'A page is mapped.',
      command: (platform) => ({
        type: 'map',
        domain: newestDomain(platform).number,
        iova: address(IOVA),
        physical: address('140000000'),
        size: address('1000'),
        read: true,
        write: true,
      }),
    },
    {
      says: 'Its entry loses the user bit, as early drivers wrote it.',
      command: (platform) => {
        const { entryAddress, words } = walkDomain(platform, newestDomain(platform), address(IOVA)).at(-1)!;
        return {
          type: 'pokeMemory',
          address: entryAddress,
          words: [u64(words[0].hi, words[0].lo & ~FIRST_STAGE.USER)],
        };
      },
    },
    dma('The device reads as a user.', PARENT, IOVA, 'READ', { pasid: 1 }),
  ],
  ending: {
    kind: 'FAULT',
    verdict: 'PRIVILEGE',
    logLine:
      'DMAR: [DMA Read] Request device [6a:01.0] PASID 1 fault addr 7ecdcd000 [fault reason 129] SM: U/S set 0 for first-level translation with user privilege',
  },
};
