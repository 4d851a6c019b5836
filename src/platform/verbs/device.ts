import type { U64 } from '../../bits/u64.js';
import type { Domain } from '../../kernel/iommu/domain.js';
import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import { deviceOf } from './lookup.js';
import type { VerbTable } from './verb.js';

/** What the commands of this file give back when they succeed. */
export interface DeviceResults {
  enableFeature: KernelDevice;
  disableFeature: KernelDevice;
  bindDriver: KernelDevice;
  unbindDriver: KernelDevice;
  dmaMap: DmaMapped;
  dmaUnmap: DmaUnmapped;
}

/** Memory a driver mapped, and where its device finds it. */
export interface DmaMapped {
  readonly device: KernelDevice;
  readonly address: U64;
}

/** What a driver unmapped, and in which domain; null where addresses are physical ones. */
export interface DmaUnmapped {
  readonly device: KernelDevice;
  readonly domain: Domain | null;
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
  dmaMap: (platform, { device, ...request }) => {
    const found = deviceOf(platform, device);
    return () => ({ device: found, address: platform.kernel.dmaMap(found, request) });
  },
  dmaUnmap: (platform, { device, address }) => {
    const found = deviceOf(platform, device);
    return () => ({ device: found, domain: platform.kernel.dmaUnmap(found, address) });
  },
  unbindDriver: (platform, { device }) => {
    const found = deviceOf(platform, device);
    return () => {
      platform.kernel.unbindDriver(found);
      return found;
    };
  },
};
