import type { PciFunction } from '../../hardware/pci/function.js';
import { carrierOf } from '../../hardware/pci/volume-management.js';
import type { KernelDevice } from './kernel-device.js';
import { requireDefaultsUnshared } from '../iommu/left-behind.js';
import { bootOrder } from '../pci/boot-order.js';
import type { KernelState } from '../state.js';
import { unsafe } from '../unsafe.js';
import { addFunction, forgetDevice } from './device-add.js';
import { bindDriver, numVfs, requireUnbindable, unbindDriver } from './driver.js';
import { configuresVirtualFunctions } from './sriov-drivers.js';

/**
 * Looks for functions the kernel does not know, bus by bus. Each comes up by itself: a device that was in
 * the group of another of its slot at boot can get one of its own now. When all are there, those whose
 * driver is known get it. Linux: rescan_store(), pci_rescan_bus(), pci_bus_add_devices().
 *
 * @param among looks at these only, as where a slot tells that something was put into it; null for all
 */
export function rescan(state: KernelState, among: readonly PciFunction[] | null = null): KernelDevice[] {
  const unknown = bootOrder(state.machine.topology).filter(
    (fn) => !fn.isVirtual && state.deviceOf(fn) === null && (among?.includes(fn) ?? true),
  );
  const found = unknown.map((fn) => addFunction(state, fn));
  for (const device of found) {
    const driver = state.knownDriver(device);
    if (driver !== null) bindDriver(state, device, driver);
  }
  return found;
}

/**
 * Forgets a device and everything behind it; the functions stay in their slots. Drivers stop first, from
 * the far end, and with them go subdevices and virtual functions.
 * Linux: remove_store(), pci_stop_and_remove_bus_device().
 *
 * @returns names of the devices that went, virtual functions included
 */
export function removeDevice(state: KernelState, device: KernelDevice): string[] {
  const before = [...state.devices.keys()];
  const leaving = withAllBehind(state, device);
  for (const each of leaving) requireRemovable(state, each);
  requireDefaultsUnshared(state, leaving);
  for (const each of leaving) if (isKnown(state, each) && each.driver !== null) unbindDriver(state, each);
  for (const each of leaving) if (isKnown(state, each)) forgetDevice(state, each);
  return before.filter((name) => !state.devices.has(name));
}

/** Everything that has to be let go of first can be: nobody would have to wait. */
function requireRemovable(state: KernelState, device: KernelDevice): void {
  requireUnbindable(state, device);
  if (numVfs(device) === 0 || (device.driver !== null && configuresVirtualFunctions(device.driver))) return;
  throw unsafe(
    'sriov_release',
    `${device.name} has virtual functions and no driver that would switch them off; the kernel answers its removal with BUG().`,
    'Bind its driver and set the number of virtual functions to 0.',
  );
}

/**
 * The devices behind a bridge before itself, the last of a bus first, and those behind a volume management
 * device before that. Linux: pci_stop_bus_device(), vmd_remove().
 */
function withAllBehind(state: KernelState, device: KernelDevice): KernelDevice[] {
  const { topology } = state.machine;
  const found = new Set<KernelDevice>();
  const visit = (fn: PciFunction): void => {
    const at = state.deviceOf(fn);
    if (at === null || found.has(at)) return;
    const behind = fn.secondaryBus;
    if (behind !== null && behind !== 0 && behind !== fn.address.bus)
      for (const each of topology.onBus(fn.address.domain, behind).toReversed()) visit(each);
    for (const each of [...topology.functions.values()])
      if (each !== fn && carrierOf(topology, each) === fn) visit(each);
    found.add(at);
  };
  visit(device.fn);
  return [...found];
}

function isKnown(state: KernelState, device: KernelDevice): boolean {
  return state.devices.get(device.name) === device;
}
