import type { SoftwareSubdevice, Subdevice } from '../../kernel/mdev/subdevice.js';
import { NotFoundError } from '../errors.js';
import { deviceOf, subdeviceOf } from './lookup.js';
import type { VerbTable } from './verb.js';

/** What the commands of this file give back when they succeed. */
export interface MdevResults {
  createMdev: Subdevice;
  removeMdev: string;
  createSoftwareMdev: SoftwareSubdevice;
  removeSoftwareMdev: string;
}

/** The commands that make and remove subdevices. */
export const MDEV_VERBS: VerbTable<MdevResults> = {
  createMdev: (platform, { parent, mdevType, uuid, framework }) => {
    const found = deviceOf(platform, parent);
    return () => platform.kernel.createMdev(found, mdevType, uuid, framework);
  },
  removeMdev: (platform, { subdevice }) => {
    const found = subdeviceOf(platform, subdevice);
    return () => {
      platform.kernel.removeMdev(found);
      return found.uuid;
    };
  },
  createSoftwareMdev: (platform, { parent, mdevType, uuid }) => {
    const found = platform.kernel.softwareParents.get(parent);
    if (found === undefined) throw new NotFoundError('SoftwareDevice', parent, platform.name);
    return () => platform.kernel.createSoftwareMdev(found, mdevType, uuid);
  },
  removeSoftwareMdev: (platform, { subdevice }) => {
    const found = platform.kernel.softwareSubdevices.get(subdevice);
    if (found === undefined) throw new NotFoundError('SoftwareSubdevice', subdevice, platform.name);
    return () => {
      platform.kernel.removeMdev(found);
      return found.uuid;
    };
  },
};
