import type { U64 } from '../../bits/u64.js';
import type { IntelUnit } from '../intel/unit.js';
import type { Steps } from '../steps.js';
import type { DeviceFeature, FeatureState } from './device-feature.js';
import type { Domain, DomainType } from './domain.js';
import type { Endpoint } from './endpoint.js';
import type { GroupReason, IommuGroup } from './iommu-group.js';
import type { ReservedRegion } from './reserved-region.js';

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
  domainFree(domain: Domain): Steps<void>;
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
