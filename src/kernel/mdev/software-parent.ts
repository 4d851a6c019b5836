import type { KernelSubject } from '../errno.js';
import type { MdevTypeInput } from './mdev-type.js';

/** A driver that makes subdevices of nothing but itself, like the sample mtty. Linux: mdev_register_device(). */
export class SoftwareParent {
  readonly kind = 'SoftwareDevice' as const;
  readonly parentBus = 'virtual' as const;
  /** No unit sees a request of it. */
  readonly vendor = null;

  constructor(
    /** As under /sys/devices/virtual. */
    readonly name: string,
    /** Null once it has left. */
    public driver: string | null,
    readonly mdevTypeInputs: readonly MdevTypeInput[],
  ) {}

  get mdevDriver(): string | null {
    return this.driver;
  }

  /** Messages about it carry the word `virtual` where others have their bus. */
  readonly bus = { name: 'virtual' } as const;

  get subject(): KernelSubject {
    return { kind: 'SoftwareDevice', name: this.name };
  }
}
