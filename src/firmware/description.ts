import type { PciAddress } from '../bits/pci-address.js';
import type { U64 } from '../bits/u64.js';
import type { DmarTable } from '../layout/dmar/table.js';

/**
 * One machine before it boots: what its firmware tables, configuration spaces and registers say.
 * Templates and imports both yield this and nothing else; a platform is booted from it.
 */
export interface MachineDescription {
  /** Null when the machine has no DMAR table, so no remapping unit. */
  readonly dmar: DmarTable | null;
  /** Sorted by address. Bridges included. */
  readonly functions: readonly PciFunctionDescription[];
  /** Registers of remapping units, one per DRHD register base, in no particular order. */
  readonly units: readonly UnitDescription[];
  /** Boot command line read from the machine; empty when unknown. */
  readonly commandLine: string;
  /** Groups the machine's own kernel reported, when a listing came with the import. */
  readonly reportedGroups: readonly ReportedGroup[];
  /** Remapping units of other vendors than Intel, of which only what they serve is known. */
  readonly otherUnits?: readonly OtherUnitDescription[];
  /** Drivers that make subdevices without hardware. */
  readonly softwareParents?: readonly SoftwareParentDescription[];
  /** Subdevices that existed on the machine; they are made again at the end of the boot. */
  readonly subdevices?: readonly SubdeviceDescription[];
  /** Whether the processors have 32-bit interrupt ids; taken for true when the machine's log does not say. */
  readonly x2apic?: boolean;
}

export interface PciFunctionDescription {
  readonly address: PciAddress;
  /** Configuration space: 64, 256 or 4096 bytes, as far as it was read. */
  readonly config: Uint8Array;
  /** Names and driver as the source text gave them; null when it did not. */
  readonly vendorName: string | null;
  readonly deviceName: string | null;
  readonly className: string | null;
  readonly driver: string | null;
  /** The physical function when this is a virtual one (SR-IOV). */
  readonly physicalFunction: PciAddress | null;
  /** Subdevice types the driver offers; empty for most functions. */
  readonly mdevTypes: readonly MdevTypeDescription[];
  /** Bus of the device its driver registers as their parent; `pci`, the function itself, when left out. */
  readonly parentBus?: 'pci' | 'platform';
}

/** A type of subdevice, as `mdev_supported_types` shows it. */
export interface MdevTypeDescription {
  /** Group name; the type id is `<driver>-<group>`. */
  readonly group: string;
  readonly displayName: string | null;
  readonly description: string | null;
  readonly deviceApi: string;
  /** Shares of the parent's capacity one instance takes. */
  readonly cost: number;
  /** Name of the capacity pool on the parent that instances draw from. */
  readonly pool: string;
  /** Shares in that pool when nothing was created. */
  readonly capacity: number;
}

/** A subdevice as a machine had it. */
export interface SubdeviceDescription {
  /** Lower case. */
  readonly uuid: string;
  readonly parent: PciAddress;
  /** `<driver>-<group>`. */
  readonly type: string;
}

/** A remapping unit of another vendor. */
export interface OtherUnitDescription {
  readonly vendor: 'amd';
  readonly devices: readonly PciAddress[];
}

/** A parent of subdevices that is no PCI function, like the sample driver mtty. */
export interface SoftwareParentDescription {
  readonly name: string;
  readonly driver: string;
  readonly mdevTypes: readonly MdevTypeDescription[];
}

export interface UnitDescription {
  readonly registerBase: U64;
  readonly capability: U64;
  readonly extendedCapability: U64;
  /** VER register: major in bits 7:4, minor in bits 3:0. */
  readonly version: number;
  /** The machine did not tell: these are stated defaults. */
  readonly assumed?: true;
}

export interface ReportedGroup {
  readonly number: number;
  readonly members: readonly PciAddress[];
}

/** Something an import could not read, had to assume, or found wrong. */
export interface ImportWarning {
  /** Which part: dmar, pci, iommuGroups, iommuUnits, mdevTypes, mdevDevices, kernelLog, bundle. */
  readonly source: string;
  /** 1-based line of that part's text; null when it has no lines. */
  readonly line: number | null;
  readonly message: string;
}
