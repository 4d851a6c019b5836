import type { KernelDevice } from '../device/kernel-device.js';
import type { AnySubdevice } from '../mdev/subdevice.js';

/** Anything on a bus that can have a group. */
export type Endpoint = KernelDevice | AnySubdevice;
