import type { MdevParent } from '../mdev/mdev-parent.js';
import type { IommuOps } from './iommu-ops.js';

/** What puts subdevices on a bus: mdev, or the framework that exists to show that another one can. */
export type SubdeviceFramework = 'mdev' | 'subdev-test';

/** A bus type known to the IOMMU core. Linux: struct bus_type. */
export class Bus {
  /** The one table that serves every device on it; null without, and where each parent's vendor has one. */
  iommuOps: IommuOps | null = null;
  /** By vendor of the parent's unit, where subdevices are served by that. */
  readonly opsOfVendor = new Map<string, IommuOps>();
  constructor(
    readonly name: string,
    /** Null for a bus of physical devices. */
    readonly framework: SubdeviceFramework | null,
  ) {}

  /** The table that serves the subdevices of a parent. */
  opsFor(parent: MdevParent): IommuOps | null {
    return this.iommuOps ?? (parent.vendor === null ? null : (this.opsOfVendor.get(parent.vendor) ?? null));
  }
}
