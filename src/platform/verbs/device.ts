import type { KernelDevice } from '../../kernel/objects.js';
import { deviceOf } from './lookup.js';
import type { VerbTable } from './verb.js';

/** What the commands of this file give back when they succeed. */
export interface DeviceResults {
  enableFeature: KernelDevice;
  disableFeature: KernelDevice;
  bindDriver: KernelDevice;
  unbindDriver: KernelDevice;
}

/** The commands on a PCI function and its driver. */
export const DEVICE_VERBS: VerbTable<DeviceResults> = {
  enableFeature: (platform, { device, feature }) => {
    const found = deviceOf(platform, device);
    return () => {
      platform.kernel.enableFeature(found, feature);
      return found;
    };
  },
  disableFeature: (platform, { device, feature }) => {
    const found = deviceOf(platform, device);
    return () => {
      platform.kernel.disableFeature(found, feature);
      return found;
    };
  },
  bindDriver: (platform, { device, driver }) => {
    const found = deviceOf(platform, device);
    return () => {
      platform.kernel.bindDriver(found, driver);
      return found;
    };
  },
  unbindDriver: (platform, { device }) => {
    const found = deviceOf(platform, device);
    return () => {
      platform.kernel.unbindDriver(found);
      return found;
    };
  },
};
