import type { U64 } from '../../bits/u64.js';
import { userRangesFault } from '../../kernel/vfio/user-memory.js';
import { isHarmlessDriver } from '../../kernel/vfio/viability.js';
import type { Domain } from '../../kernel/iommu/domain.js';
import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import { InvalidInputError } from '../errors.js';
import { deviceOf } from './lookup.js';
import type { VerbTable } from './verb.js';

/** What the commands of this file give back when they succeed. */
export interface DeviceResults {
  enableFeature: KernelDevice;
  disableFeature: KernelDevice;
  bindDriver: KernelDevice;
  unbindDriver: KernelDevice;
  svaBind: KernelDevice;
  svaUnbind: KernelDevice;
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
  bindDriver: (platform, { device, driver, vectors = 0 }) => {
    const found = deviceOf(platform, device);
    if (vectors > 0) requireOwnInterrupts(found, driver);
    return () => {
      platform.kernel.bindDriver(found, driver, vectors);
      return found;
    };
  },
  svaBind: (platform, { device, process: pid, userMemory }) => {
    const found = deviceOf(platform, device);
    const fault = userRangesFault(userMemory ?? []);
    if (fault !== null) throw new InvalidInputError(['input', 'userMemory'], `User memory: ${fault}.`);
    return () => {
      platform.kernel.svaBind(found, pid, userMemory);
      return found;
    };
  },
  svaUnbind: (platform, { device, process: pid }) => {
    const found = deviceOf(platform, device);
    return () => {
      platform.kernel.svaUnbind(found, pid);
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

/** Drivers that only hold a device for user space ask for nothing, and another vendor's tables are not known here. */
function requireOwnInterrupts({ name, vendor }: KernelDevice, driver: string): void {
  const path = ['input', 'vectors'];
  if (isHarmlessDriver(driver))
    throw new InvalidInputError(path, `${driver} asks for no interrupts: whoever opens the device does.`);
  if (vendor !== 'intel')
    throw new InvalidInputError(path, `Interrupts of ${name} pass a unit whose tables are not modelled.`);
}
