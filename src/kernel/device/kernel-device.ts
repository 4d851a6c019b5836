import type { PciAddress } from '../../bits/pci-address.js';
import type { PciFunction } from '../../hardware/pci/function.js';
import type { PageRequestDescriptor } from '../../layout/page-request.js';
import type { KernelSubject } from '../errno.js';
import type { DeviceDomainInfo } from '../intel/device-domain-info.js';
import type { DeviceInterrupt } from '../interrupt/device-interrupt.js';
import type { PasidTable } from '../intel/pasid-table.js';
import type { IntelUnit } from '../intel/unit.js';
import type { Attachment } from '../iommu/attachment.js';
import type { Bus } from '../iommu/bus.js';
import type { DeviceFeature } from '../iommu/device-feature.js';
import type { Domain } from '../iommu/domain.js';
import type { IommuGroup } from '../iommu/iommu-group.js';
import type { IommuOps } from '../iommu/iommu-ops.js';
import type { ParentBus } from '../mdev/mdev-parent.js';
import type { MdevTypeInput } from '../mdev/mdev-type.js';

/** A PCI function as the kernel knows it. */
export class KernelDevice {
  readonly kind = 'Device' as const;
  /** `0000:6a:01.0`. */
  readonly name: string;
  readonly address: PciAddress;
  group: IommuGroup | null = null;
  /** The unit that serves it; null before probing and when none does. */
  unit: IntelUnit | null = null;
  driver: string | null = null;
  /** Live attachments: at most one primary, then auxiliary ones. */
  readonly attachments: Attachment[] = [];
  info: DeviceDomainInfo | null = null;
  /** Page requests of groups whose last is still to come, where they are kept until then. */
  readonly pendingPageRequests: PageRequestDescriptor[] = [];
  /** What its driver asked for, in order; none while it has no driver. */
  readonly interrupts: DeviceInterrupt[] = [];
  /** A PASID table that outlives the primary domain, where the driver keeps it. */
  keptPasidTable: PasidTable | null = null;

  constructor(
    readonly fn: PciFunction,
    readonly bus: Bus,
    readonly mdevTypeInputs: readonly MdevTypeInput[],
    /** The driver that offers the subdevice types. */
    readonly mdevDriver: string | null,
    /** Who made the unit its requests pass; null when nothing says so. */
    readonly vendor: string | null = 'intel',
    /** Bus of the device its driver registers as a parent: its own, or that of a child it makes. */
    readonly parentBus: ParentBus = 'pci',
  ) {
    this.name = fn.name;
    this.address = fn.address;
  }

  get iommuOps(): IommuOps | null {
    return this.bus.iommuOps;
  }

  /** What translates its untagged requests: the driver's view, which the group's can differ from. */
  get primaryDomain(): Domain | null {
    return this.info?.domain ?? null;
  }

  get enabledFeatures(): ReadonlySet<DeviceFeature> {
    return new Set<DeviceFeature>(this.info?.auxEnabled ? ['AUX'] : []);
  }

  get subject(): KernelSubject {
    return { kind: 'Device', name: this.name };
  }
}
