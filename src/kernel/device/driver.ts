import { KernelError } from '../errno.js';
import { freeInterrupts, requestInterrupts } from '../interrupt/device-interrupts.js';
import { requireDefaultsUnshared } from '../iommu/left-behind.js';
import { registerParent, unregisterParent } from '../mdev/parent.js';
import { requireChildrenIdle } from '../mdev/remove.js';
import { offersTypes } from '../mdev/types.js';
import type { KernelDevice } from './kernel-device.js';
import { refusal } from '../refusal.js';
import { endBonds } from '../sva/end-bonds.js';
import type { KernelState } from '../state.js';
import { requireNotUsersDevice } from '../vfio/host-driver.js';
import { leaveVfio, requireLeavable } from '../vfio/last-device.js';
import { forgetDevice } from './device-add.js';
import { configuresVirtualFunctions } from './sriov-drivers.js';

/**
 * Binds a driver; one that offers subdevices becomes their parent's. One that does not get the interrupts it
 * asks for gives up. Linux: bind_store(), really_probe(), mdev_register_device().
 *
 * @param vectors message-signalled interrupts it asks for
 */
export function bindDriver(state: KernelState, device: KernelDevice, driver: string, vectors = 0): void {
  if (device.driver !== null) {
    const rule = `${device.name} is bound to ${device.driver}.`;
    throw new KernelError(state.profile.bindOfBoundIsBusy ? 'EBUSY' : 'ENODEV', 'bind_store', rule, [
      { code: 'DRIVER_BOUND', message: rule, subject: device.subject, remedy: 'Unbind it first.' },
    ]);
  }
  requireNotUsersDevice(state, device, driver);
  if (vectors > 0) probeInterrupts(state, device, driver, vectors);
  device.driver = driver;
  state.changed('DRIVER_BOUND', device.subject);
  if (offersTypes(device)) registerParent(state, device);
}

/** The first kernels here do not hand on why a driver gave up. Linux: device_driver_attach(). */
function probeInterrupts(state: KernelState, device: KernelDevice, driver: string, vectors: number): void {
  try {
    requestInterrupts(state, device, vectors);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    state.log.print(`${driver}: probe of ${device.name} failed with error -${error.number}`);
    if (state.profile.bindReportsProbeErrors) throw error;
    throw new KernelError('ENODEV', 'bind_store', error.message, error.blockers);
  }
}

/**
 * Unbinds a driver; its subdevices go with it, and the virtual functions it would have switched on. The
 * default domain stays attached. Linux: unbind_store(), mdev_unregister_device(), pci_disable_sriov().
 */
export function unbindDriver(state: KernelState, device: KernelDevice): void {
  const { driver } = device;
  if (driver === null) {
    const rule = `${device.name} has no driver.`;
    throw refusal('ENODEV', 'unbind_store', rule, { code: 'NO_DRIVER', subject: device.subject });
  }
  requireUnbindable(state, device);
  if (offersTypes(device)) unregisterParent(state, device);
  if (configuresVirtualFunctions(driver)) removeVirtualFunctions(state, device);
  else if (numVfs(device) > 0) state.log.printFor(device, 'driver left SR-IOV enabled after remove');
  leaveVfio(state, device);
  endBonds(state, device);
  freeInterrupts(state, device);
  device.driver = null;
  state.changed('DRIVER_UNBOUND', device.subject);
}

/** Nobody holds on to the device, its subdevices or the virtual functions that would go with its driver. */
export function requireUnbindable(state: KernelState, device: KernelDevice): void {
  requireLeavable(state, device);
  if (offersTypes(device)) requireChildrenIdle(state, device);
  if (device.driver === null || !configuresVirtualFunctions(device.driver)) return;
  requireForgettable(state, virtualFunctions(state, device));
}

/** Virtual functions can all go. */
function requireForgettable(state: KernelState, functions: readonly KernelDevice[]): void {
  for (const each of functions) requireUnbindable(state, each);
  requireDefaultsUnshared(state, functions);
}

/** Virtual functions that are switched on, known or not. Linux: sriov_numvfs_show(). */
export function numVfs({ fn }: KernelDevice): number {
  return fn.sriov?.vfEnabled ? fn.sriov.numVfs : 0;
}

/** As the kernel knows them, in address order. */
export function virtualFunctions(state: KernelState, device: KernelDevice): KernelDevice[] {
  return state.machine.topology.virtualFunctionsOf(device.fn).flatMap((fn) => state.deviceOf(fn) ?? []);
}

/** All or none can go. Linux: sriov_disable(), pci_iov_remove_virtfn(). */
export function removeVirtualFunctions(state: KernelState, device: KernelDevice): void {
  const present = virtualFunctions(state, device);
  requireForgettable(state, present);
  for (const each of present) {
    if (each.driver !== null) unbindDriver(state, each);
    forgetDevice(state, each);
  }
  if (numVfs(device) > 0) state.machine.showVirtualFunctions(device.fn, 0);
}
