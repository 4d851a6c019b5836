import { KernelError } from '../errno.js';
import { registerParent, unregisterParent } from '../mdev/parent.js';
import { offersTypes } from '../mdev/types.js';
import type { KernelDevice } from '../objects.js';
import { refusal } from '../refusal.js';
import type { KernelState } from '../state.js';
import { requireNotUsersDevice } from '../vfio/host-driver.js';

/** Binds a driver; one that offers subdevices becomes their parent's. Linux: bind_store(), mdev_register_device(). */
export function bindDriver(state: KernelState, device: KernelDevice, driver: string): void {
  if (device.driver !== null) {
    const rule = `${device.name} is bound to ${device.driver}.`;
    throw new KernelError(state.profile.bindOfBoundIsBusy ? 'EBUSY' : 'ENODEV', 'bind_store', rule, [
      { code: 'DRIVER_BOUND', message: rule, subject: device.subject, remedy: 'Unbind it first.' },
    ]);
  }
  requireNotUsersDevice(state, device, driver);
  device.driver = driver;
  state.changed('DRIVER_BOUND', device.subject);
  if (offersTypes(device)) registerParent(state, device);
}

/**
 * Unbinds a driver; its subdevices go with it. The default domain stays attached.
 * Linux: unbind_store(), mdev_unregister_device().
 */
export function unbindDriver(state: KernelState, device: KernelDevice): void {
  if (device.driver === null) {
    const rule = `${device.name} has no driver.`;
    throw refusal('ENODEV', 'unbind_store', rule, { code: 'NO_DRIVER', subject: device.subject });
  }
  if (offersTypes(device)) unregisterParent(state, device);
  device.driver = null;
  state.changed('DRIVER_UNBOUND', device.subject);
}
