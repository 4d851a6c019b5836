import type { PciAddress } from '../bits/pci-address.js';
import { type U64, u64FromPfn } from '../bits/u64.js';
import type { PciFunction } from '../hardware/pci/function.js';
import type { FlushQueue } from './dma/flush-queue.js';
import type { IovaSpace } from './dma/iova-space.js';
import type { KernelSubject } from './errno.js';
import type { AttachmentKind } from './events.js';
import type { IoPageTable } from './intel/page-table.js';
import type { PasidTable } from './intel/pasid-table.js';
import type { IntelUnit } from './intel/unit.js';

/** Linux: IOMMU_DOMAIN_*, include/linux/iommu.h. */
export type DomainType = 'UNMANAGED' | 'DMA' | 'DMA_FQ' | 'IDENTITY' | 'BLOCKED' | 'SVA';
export type DeviceFeature = 'AUX' | 'SVA' | 'IOPF';
export type ReservedRegionType = 'DIRECT' | 'DIRECT_RELAXABLE' | 'RESERVED' | 'MSI' | 'SW_MSI';

/** Anything on a bus that can have a group. */
export type Endpoint = KernelDevice | AnySubdevice;

/** What subdevices can be made of: a PCI function, or nothing but a driver. */
export type MdevParent = KernelDevice | SoftwareParent;
export type AnySubdevice = Subdevice | SoftwareSubdevice;
export type SubdeviceOf<P extends MdevParent> = P extends KernelDevice ? Subdevice : SoftwareSubdevice;

/** Type of the bus a subdevice parent is registered from; a software parent is on none. */
export type ParentBus = 'pci' | 'platform' | 'virtual';

/** A range an endpoint's address space must treat specially; `last` is inclusive. */
export interface ReservedRegion {
  readonly start: U64;
  readonly last: U64;
  readonly type: ReservedRegionType;
  readonly read: boolean;
  readonly write: boolean;
}

/** Whether a device feature is there and on, with the reason when it is not there. */
export interface FeatureState {
  readonly feature: DeviceFeature;
  readonly supported: boolean;
  readonly enabled: boolean;
  readonly reason: string | null;
}

/**
 * A table of operations a vendor driver registers for a bus. Linux: struct iommu_ops.
 *
 * Operations that can fail throw a KernelError; an operation a driver leaves out is absent, and the core
 * decides what that means.
 */
export interface IommuOps {
  readonly name: string;
  readonly vendor: string;
  /** Bit n set: pages of 2^n bytes are accepted. */
  readonly pageSizeBitmap: U64;
  readonly domainTypes: readonly DomainType[];
  /** Names of the operations the table fills in, as the kernel spells them. */
  readonly functions: readonly string[];
  domainAlloc(type: DomainType): Domain | null;
  domainFree(domain: Domain): void;
  /** Which unit serves an endpoint; null for a unit of another vendor, of which nothing else is modelled. */
  probeDevice(endpoint: Endpoint): IntelUnit | null;
  releaseDevice(endpoint: Endpoint): void;
  deviceGroup(endpoint: Endpoint): GroupChoice;
  attachDev(domain: Domain, endpoint: Endpoint, warnings: string[]): void;
  detachDev(domain: Domain, endpoint: Endpoint): void;
  getResvRegions(endpoint: Endpoint): ReservedRegion[];
  /** Null: the driver demands no type. */
  defDomainType?(endpoint: Endpoint): DomainType | null;
  devHasFeat?(endpoint: Endpoint, feature: DeviceFeature): FeatureState;
  devEnableFeat?(endpoint: Endpoint, feature: DeviceFeature): void;
  devDisableFeat?(endpoint: Endpoint, feature: DeviceFeature): void;
}

/** The group an endpoint joins; null asks for a new one. */
export interface GroupChoice {
  readonly existing: IommuGroup | null;
  readonly reasons: readonly GroupReason[];
}

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

export type GroupReasonKind =
  | 'SINGLE'
  | 'DMA_ALIAS'
  | 'MULTIFUNCTION_WITHOUT_ACS'
  | 'PATH_WITHOUT_ACS'
  | 'CONVENTIONAL_BUS'
  | 'QUIRK'
  | 'SUBDEVICE';

/** Why a member is in its group. */
export interface GroupReason {
  readonly kind: GroupReasonKind;
  /** For a subdevice: its parent; null when that is no PCI function. */
  readonly device: KernelDevice | null;
  readonly via: KernelDevice | null;
  readonly missingAcs: readonly string[];
  readonly explanation: string;
}

/** The smallest set of endpoints the hardware can isolate. Linux: struct iommu_group. */
export class IommuGroup {
  readonly members: Endpoint[] = [];
  readonly reasons: GroupReason[] = [];
  /** What the core gave it for in-kernel DMA; null when no driver offers such a domain. */
  defaultDomain: Domain | null = null;
  /** What the core believes is attached. */
  domain: Domain | null = null;
  /** User space has the group to itself. Linux: iommu_group.owner. */
  owned = false;
  /** An empty domain for the time user space owns the group and has given it none; made once, kept. */
  blockingDomain: Domain | null = null;
  constructor(readonly number: number) {}

  /** Why its members are together. That the first could stand alone matters only while it does. */
  get because(): readonly GroupReason[] {
    return this.members.length > 1 ? this.reasons.filter(({ kind }) => kind !== 'SINGLE') : this.reasons;
  }
}

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

/**
 * What the Intel driver keeps of a device while it has a primary domain. Freed with the attachment, and
 * the features and the PASID table go with it. Linux: struct device_domain_info.
 */
export interface DeviceDomainInfo {
  readonly domain: Domain;
  readonly unit: IntelUnit;
  /** Null in legacy mode. */
  pasidTable: PasidTable | null;
  readonly atsSupported: boolean;
  readonly pasidSupported: boolean;
  readonly priSupported: boolean;
  atsEnabled: boolean;
  pasidEnabled: boolean;
  priEnabled: boolean;
  atsQueueDepth: number;
  physicalFunctionSourceId: number;
  auxEnabled: boolean;
}

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

/** A domain and a device, joined in hardware tables. */
export interface Attachment {
  readonly domain: Domain;
  /** Whom the attachment was asked for. */
  readonly endpoint: Endpoint;
  /** Whose tables were changed. */
  readonly device: KernelDevice;
  readonly kind: AttachmentKind;
  readonly pasid: number | null;
  readonly domainIdTag: number;
  readonly unit: IntelUnit;
  /**
   * The driver lost track: the tables it lived in are gone or unreachable, but its PASID and domain id
   * are never given back.
   */
  leaked: boolean;
}

/** A stretch of a domain in which IOVA and physical address grow together, in pages of one size. */
export interface MappedRange {
  readonly iova: U64;
  readonly physical: U64;
  /** Bytes. */
  readonly size: number;
  readonly pageSize: number;
  readonly read: boolean;
  readonly write: boolean;
}

/** An I/O address space. Linux: struct iommu_domain inside struct dmar_domain. */
export class Domain {
  readonly attachments: Attachment[] = [];
  /** Domain ids by unit, with the number of attachments on each. */
  readonly domainIds = new Map<IntelUnit, { readonly did: number; users: number }>();
  /** Bits of input address; shrinks to the unit's at the first attachment. Linux: dmar_domain.gaw. */
  addressWidth = 57;
  /**
   * Frame number of the end of the highest mapping made so far, lowered only when the topmost chunk goes.
   * Linux: dmar_domain.max_addr.
   */
  highestMappedEnd = 0;
  /** Large-page levels in use: 0 none, 1 2 MiB, 2 also 1 GiB. Known only once attached. */
  superpageLevels = 0;
  snoopControl = false;
  /** Addresses handed out to drivers; null before the first. Linux: iommu_dma_cookie.iovad. */
  iovas: IovaSpace | null = null;
  /** What was unmapped for drivers and not flushed; null before the first. */
  flushQueue: FlushQueue | null = null;
  /** The PASID of auxiliary attachments; keeps its value after they end. Linux: dmar_domain.default_pasid. */
  defaultPasid = 0;

  constructor(
    readonly number: number,
    /** A domain of the DMA API can be given a flush queue while it is in use. */
    public type: DomainType,
    readonly ops: IommuOps,
    readonly pageSizeBitmap: U64,
    /** The tables are in the processor's format and used as first stage. */
    readonly firstLevel: boolean,
    /** A domain for pass-through has tables too, but nothing walks them. */
    readonly table: IoPageTable,
  ) {}

  /** It has mappings. Linux: __IOMMU_DOMAIN_PAGING. */
  get isPaging(): boolean {
    return this.type === 'UNMANAGED' || this.isForDmaApi;
  }

  /** The kernel's own, for what drivers map through the DMA API. Linux: iommu_is_dma_domain(). */
  get isForDmaApi(): boolean {
    return this.type === 'DMA' || this.type === 'DMA_FQ';
  }

  get apertureStart(): U64 {
    return u64FromPfn(0);
  }

  /** Highest usable IOVA: a first-stage address must be canonical and positive, which costs a bit. */
  get apertureLast(): U64 {
    const bits = this.firstLevel && this.domainIds.size > 0 ? this.addressWidth - 1 : this.addressWidth;
    return u64FromPfn(2 ** (bits - 12) - 1, 0xfff);
  }

  get levels(): number {
    return this.table.levels;
  }

  /**
   * Pages the tables can hold entries for. Fewer than the address width allows on a domain that lost a level
   * to a narrow unit and was then attached to a wide one. Linux: domain_pfn_supported().
   */
  get reachablePages(): number {
    return 2 ** Math.min(this.addressWidth - 12, 9 * this.levels);
  }

  get rootFrame(): number {
    return this.table.rootFrame;
  }

  get tableBytes(): number {
    return this.table.tableFrames * 4096;
  }

  get mappedBytes(): number {
    return this.table.mappedPages * 4096;
  }

  get subject(): KernelSubject {
    return { kind: 'Domain', number: this.number };
  }

  /** Mapped ranges in IOVA order, from one page to another (inclusive), neighbours merged. */
  *mappings(fromPfn = 0, toPfn = 2 ** 45 - 1): Generator<MappedRange> {
    let run: { pfn: number; physicalPfn: number; pages: number; leaf: number; flags: number } | null = null;
    for (const leaf of this.table.leaves(fromPfn, toPfn)) {
      const continues =
        run !== null &&
        run.leaf === leaf.pages &&
        (run.flags & 3) === (leaf.flags & 3) &&
        run.pfn + run.pages === leaf.pfn &&
        run.physicalPfn + run.pages === leaf.physicalPfn;
      if (run !== null && continues) {
        run.pages += leaf.pages;
        continue;
      }
      if (run !== null) yield this.rangeOf(run);
      run = { ...leaf, leaf: leaf.pages };
    }
    if (run !== null) yield this.rangeOf(run);
  }

  private rangeOf(run: { pfn: number; physicalPfn: number; pages: number; leaf: number; flags: number }) {
    return {
      iova: u64FromPfn(run.pfn),
      physical: u64FromPfn(run.physicalPfn),
      size: run.pages * 4096,
      pageSize: run.leaf * 4096,
      // First-stage bit 0 is P: whatever is present can be read.
      read: (run.flags & 1) !== 0,
      write: (run.flags & 2) !== 0,
    };
  }
}
