import type { PciFunction } from '../../hardware/pci/function.js';
import { probeEndpoint, releaseEndpoint } from '../iommu/probe.js';
import type { KernelDevice } from './kernel-device.js';
import { enableAcs } from '../pci/acs.js';
import type { KernelState } from '../state.js';

/**
 * Takes a function that a scan found into the books, where the IOMMU core finds it. One that is not probed
 * is there all the same, without a group. Linux: pci_device_add(), device_add().
 */
export function addFunction(state: KernelState, fn: PciFunction): KernelDevice {
  if (state.remapping) enableAcs(fn);
  const device = state.addDevice(fn);
  state.changed('DEVICE_ADDED', device.subject);
  fn.underScan = true;
  probeEndpoint(state, device);
  fn.underScan = false;
  return device;
}

/** Strikes a device without a driver off the books. Linux: pci_destroy_dev(), device_del(). */
export function forgetDevice(state: KernelState, device: KernelDevice): void {
  releaseEndpoint(state, device);
  state.devices.delete(device.name);
  state.changed('DEVICE_REMOVED', device.subject);
}
