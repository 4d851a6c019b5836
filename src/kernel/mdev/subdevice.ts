import type { KernelDevice } from '../device/kernel-device.js';
import type { KernelSubject } from '../errno.js';
import type { IntelUnit } from '../intel/unit.js';
import type { Attachment } from '../iommu/attachment.js';
import type { Bus } from '../iommu/bus.js';
import type { Domain } from '../iommu/domain.js';
import type { IommuGroup } from '../iommu/iommu-group.js';
import type { IommuOps } from '../iommu/iommu-ops.js';
import type { MdevParent } from './mdev-parent.js';
import type { MdevTypeInput } from './mdev-type.js';
import type { SoftwareParent } from './software-parent.js';

export type AnySubdevice = Subdevice | SoftwareSubdevice;

export type SubdeviceOf<P extends MdevParent> = P extends KernelDevice ? Subdevice : SoftwareSubdevice;

/** What all subdevices have. Linux: struct mdev_device. */
abstract class MdevDevice<P extends MdevParent> {
  /** The UUID, lower case. */
  readonly name: string;
  group: IommuGroup | null = null;
  unit: IntelUnit | null = null;
  driver: string | null = null;

  constructor(
    readonly uuid: string,
    readonly bus: Bus,
    readonly parent: P,
    /** `<driver>-<group>`. */
    readonly typeName: string,
    readonly typeInput: MdevTypeInput,
  ) {
    this.name = uuid;
  }

  /** The operations that serve it; null when none do. */
  get iommuOps(): IommuOps | null {
    return this.bus.opsFor(this.parent);
  }
}

/** A mediated device of a PCI function: a part of it, on a bus of its own. */
export class Subdevice extends MdevDevice<KernelDevice> {
  readonly kind = 'Subdevice' as const;

  /**
   * What the core believes is attached to its group; without operations of its own, what was attached to
   * its parent for it.
   */
  get domain(): Domain | null {
    return this.iommuOps === null ? (this.attachment?.domain ?? null) : (this.group?.domain ?? null);
  }

  /** The live attachment made for it: to its group's current domain, or without operations the last one. */
  get attachment(): Attachment | null {
    const own = this.parent.attachments.filter((each) => each.endpoint === this);
    if (this.iommuOps === null) return own.at(-1) ?? null;
    return own.find((each) => each.domain === this.group?.domain) ?? null;
  }

  /** The PASID its requests carry; null without an attachment that gives it one. */
  get pasid(): number | null {
    return this.attachment?.pasid ?? null;
  }

  get subject(): KernelSubject {
    return { kind: 'Subdevice', name: this.uuid };
  }
}

/** A mediated device of a software parent: it sends nothing over any bus. */
export class SoftwareSubdevice extends MdevDevice<SoftwareParent> {
  readonly kind = 'SoftwareSubdevice' as const;
  readonly attachment = null;
  readonly pasid = null;

  get domain(): Domain | null {
    return this.group?.domain ?? null;
  }

  get subject(): KernelSubject {
    return { kind: 'SoftwareSubdevice', name: this.uuid };
  }
}
