import { u64, u64FromNumber } from '../../../bits/u64.js';
import { CONTEXT_GRANULARITY, packContextCacheInvalidation } from '../../../layout/invalidation/index.js';
import type { Platform } from '../../platform.js';
import { contextEntry } from '../../tables.js';
import type { Scene, Step } from '../scene.js';
import { address, deviceOf, newestDomain } from '../steps.js';
import {
  ATTACH_AND_MAP,
  ENABLE_AUX,
  PARENT,
  SUBDEVICE,
  createSubdevice,
  sapphireRapidsMachine,
} from '../subdevice-steps.js';

/** DTE and PRE. */
const ATS_BITS = (1 << 2) | (1 << 4);

/** The subdevice reads through its parent's own cache of translations. */
function readThroughOwnCache(says: string): Step {
  return {
    says,
    command: () => ({
      type: 'dma',
      endpoint: { kind: 'Subdevice', name: SUBDEVICE },
      pasid: 'OWN',
      address: address('200000'),
      size: 8,
      access: 'READ',
      data: null,
      translation: 'DEVICE_TLB',
    }),
  };
}

function unitOf(platform: Platform) {
  return platform.hardwareUnit(deviceOf(platform, PARENT).unit!.name);
}

export const deviceKeepsTranslation: Scene = {
  name: 'device-keeps-translation',
  title: 'A device goes on with a translation it keeps itself',
  story:
    'Unmapping from an auxiliary domain flushed the caches of the units and forgot those of the devices, so that a subdevice still reached memory that had been taken from it, without a word in any log. Here ATS is then taken from the context entry, as a kernel does that takes the machine over: only now the unit refuses, and the address in the log is a host physical one.',
  thread: 'https://lore.kernel.org/r/1609949037-25291-4-git-send-email-yi.l.liu@intel.com',
  machine: sapphireRapidsMachine,
  kernel: {},
  steps: [
    ENABLE_AUX,
    createSubdevice,
    ...ATTACH_AND_MAP,
    readThroughOwnCache('The subdevice reads, and its parent keeps the translation.'),
    {
      says: 'The buffer is unmapped; nobody tells the device.',
      command: (platform) => ({
        type: 'unmap',
        domain: newestDomain(platform).number,
        iova: address('200000'),
        size: address('200000'),
      }),
    },
    {
      says: 'ATS is taken out of the context entry.',
      command: (platform) => {
        const { entryAddress, words } = contextEntry(platform, deviceOf(platform, PARENT))!;
        const first = u64(words[0].hi, words[0].lo & ~ATS_BITS);
        return { type: 'pokeMemory', address: entryAddress, words: [first] };
      },
    },
    {
      says: 'The unit forgets the old entry.',
      command: (platform) => {
        const words = packContextCacheInvalidation({
          granularity: CONTEXT_GRANULARITY.GLOBAL,
          domainId: 0,
          sourceId: 0,
          functionMask: 0,
        });
        const zero = u64FromNumber(0);
        return { type: 'submitDescriptor', unit: unitOf(platform).name, words: [...words, zero, zero] };
      },
    },
    readThroughOwnCache('The subdevice reads again, by what its parent kept.'),
  ],
  ending: {
    kind: 'FAULT',
    verdict: 'STALE_DEVICE_TLB',
    logLine:
      'DMAR: [DMA Read] Request device [6a:01.0] PASID ffffffff fault addr 140000000 [fault reason 68] SM: DTE field in Context Entry is clear',
  },
};
