import type { U64 } from '../../bits/u64.js';

/**
 * The ACPI DMAR table, decoded.
 * Spec: VT-d chapter 8 "BIOS Considerations".
 */
export interface DmarTable {
  /** Bits of physical address the platform uses (the table stores this minus one). */
  readonly hostAddressWidth: number;
  readonly interruptRemapping: boolean;
  readonly x2apicOptOut: boolean;
  readonly dmaControlOptIn: boolean;
  readonly checksumValid: boolean;
  readonly oemId: string;
  readonly oemTableId: string;
  /** In table order. */
  readonly structures: readonly RemappingStructure[];
}

interface StructureBase {
  /** The raw type number. */
  readonly type: number;
  /** Byte offset in the table. */
  readonly offset: number;
  /** Bytes, as the structure says of itself. */
  readonly length: number;
}

/** Spec: VT-d 8.3 "DMA Remapping Hardware Unit Definition Structure". */
export interface DrhdStructure extends StructureBase {
  readonly kind: 'DRHD';
  readonly includeAll: boolean;
  readonly segment: number;
  readonly registerBase: U64;
  /** Register set of 2^size pages. */
  readonly size: number;
  readonly scopes: readonly DeviceScope[];
}

/** Spec: VT-d 8.4 "Reserved Memory Region Reporting Structure". */
export interface RmrrStructure extends StructureBase {
  readonly kind: 'RMRR';
  readonly segment: number;
  readonly base: U64;
  /** Inclusive. */
  readonly last: U64;
  readonly scopes: readonly DeviceScope[];
}

/** Spec: VT-d 8.5 "Root Port ATS Capability Reporting Structure". */
export interface AtsrStructure extends StructureBase {
  readonly kind: 'ATSR';
  readonly allPorts: boolean;
  readonly segment: number;
  readonly scopes: readonly DeviceScope[];
}

/** Spec: VT-d 8.6 "Remapping Hardware Static Affinity Structure". */
export interface RhsaStructure extends StructureBase {
  readonly kind: 'RHSA';
  readonly registerBase: U64;
  readonly proximityDomain: number;
}

/** Spec: VT-d 8.7 "ACPI Name-space Device Declaration Structure". */
export interface AnddStructure extends StructureBase {
  readonly kind: 'ANDD';
  readonly acpiDeviceNumber: number;
  readonly objectName: string;
}

/** Spec: VT-d 8.8 "SoC Integrated Address Translation Cache Reporting Structure". */
export interface SatcStructure extends StructureBase {
  readonly kind: 'SATC';
  readonly atcRequired: boolean;
  readonly segment: number;
  readonly scopes: readonly DeviceScope[];
}

/** Spec: VT-d 8.9 "SoC Integrated Device Property Reporting Structure". */
export interface SidpStructure extends StructureBase {
  readonly kind: 'SIDP';
  readonly segment: number;
  readonly scopes: readonly DeviceScope[];
}

/** A type this revision does not define; skipped by its length. */
export interface UnknownStructure extends StructureBase {
  readonly kind: 'UNKNOWN';
}

export type RemappingStructure =
  | DrhdStructure
  | RmrrStructure
  | AtsrStructure
  | RhsaStructure
  | AnddStructure
  | SatcStructure
  | SidpStructure
  | UnknownStructure;

export type DeviceScopeKind =
  'PCI_ENDPOINT' | 'PCI_SUB_HIERARCHY' | 'IOAPIC' | 'HPET' | 'ACPI_NAMESPACE' | 'UNKNOWN';

/** Spec: VT-d 8.3.1 "Device Scope Structure". */
export interface DeviceScope {
  readonly kind: DeviceScopeKind;
  readonly type: number;
  /** SIDP property bits; reserved elsewhere. */
  readonly flags: number;
  /** I/O APIC id, HPET number or ACPI device number; 0 for PCI. */
  readonly enumerationId: number;
  readonly startBus: number;
  /** Hops from the start bus; the last one is the device. Never empty. */
  readonly path: readonly ScopeHop[];
}

export interface ScopeHop {
  readonly device: number;
  readonly function: number;
}
