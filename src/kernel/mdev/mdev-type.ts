import type { KernelDevice } from '../device/kernel-device.js';
import type { MdevParent } from './mdev-parent.js';
import type { SubdeviceOf } from './subdevice.js';

/** A subdevice type as its driver declares it. */
export interface MdevTypeInput {
  /** Group name; the type id is `<driver>-<group>`. */
  readonly group: string;
  readonly displayName: string | null;
  readonly description: string | null;
  readonly deviceApi: string;
  /** Shares of the pool one instance takes. */
  readonly cost: number;
  readonly pool: string;
  readonly capacity: number;
}

/** A type of subdevice a parent offers now. Linux: struct mdev_type. */
export interface MdevType<P extends MdevParent = KernelDevice> {
  /** `<driver>-<group>`. */
  readonly name: string;
  readonly displayName: string | null;
  readonly description: string | null;
  readonly deviceApi: string;
  readonly availableInstances: number;
  readonly parent: P;
  readonly subdevices: readonly SubdeviceOf<P>[];
}
