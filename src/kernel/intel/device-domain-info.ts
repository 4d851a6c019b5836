import type { Domain } from '../iommu/domain.js';
import type { PasidTable } from './pasid-table.js';
import type { IntelUnit } from './unit.js';

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
  /** Its page requests are handled. Linux: iopf_device_param. */
  svaEnabled: boolean;
}
