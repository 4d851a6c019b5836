import type { KernelDevice } from '../device/kernel-device.js';
import type { SoftwareParent } from './software-parent.js';

/** What subdevices can be made of: a PCI function, or nothing but a driver. */
export type MdevParent = KernelDevice | SoftwareParent;

/** Type of the bus a subdevice parent is registered from; a software parent is on none. */
export type ParentBus = 'pci' | 'platform' | 'virtual';
