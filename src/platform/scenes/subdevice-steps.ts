import { sapphireRapids } from '../templates/sapphire-rapids/index.js';
import type { Step } from './scene.js';
import { address, newestDomain } from './steps.js';

/* What scenes with subdevices of an accelerator share. */

export const PARENT = '0000:6a:01.0';
export const SUBDEVICE = 'c0ffee00-0000-4000-8000-000000000001';

export const sapphireRapidsMachine = () => sapphireRapids.describe();

export const ENABLE_AUX: Step = {
  says: 'The parent is allowed domains under PASIDs (AUX).',
  command: () => ({ type: 'enableFeature', device: PARENT, feature: 'AUX' }),
};

export const createSubdevice: Step = {
  says: 'A subdevice is made of one work queue.',
  command: () => ({ type: 'createMdev', parent: PARENT, mdevType: 'idxd-1dwq-v1', uuid: SUBDEVICE }),
};

/** A domain for the subdevice, with 2 MiB of memory in it. */
export const ATTACH_AND_MAP: readonly Step[] = [
  {
    says: 'A domain is allocated for the subdevice.',
    command: () => ({ type: 'allocDomain', bus: 'mdev', domainType: 'UNMANAGED' }),
  },
  {
    says: 'It is attached.',
    command: (platform) => ({
      type: 'attach',
      domain: newestDomain(platform).number,
      target: { kind: 'Subdevice', name: SUBDEVICE },
    }),
  },
  {
    says: 'The buffer of the subdevice is mapped in it.',
    command: (platform) => ({
      type: 'map',
      domain: newestDomain(platform).number,
      iova: address('200000'),
      physical: address('140000000'),
      size: address('200000'),
      read: true,
      write: true,
    }),
  },
];
