import { CONTEXT_CACHE_FIELDS } from './context-cache.js';
import { DESCRIPTOR_TYPE, type DescriptorField } from './descriptor.js';
import { DEVICE_TLB_FIELDS } from './device-tlb.js';
import { INTERRUPT_ENTRY_CACHE_FIELDS } from './interrupt-entry-cache.js';
import { IOTLB_FIELDS } from './iotlb.js';
import { PAGE_GROUP_RESPONSE_FIELDS } from './page-group-response.js';
import { PASID_CACHE_FIELDS } from './pasid-cache.js';
import { PASID_DEVICE_TLB_FIELDS } from './pasid-device-tlb.js';
import { PASID_IOTLB_FIELDS } from './pasid-iotlb.js';
import { WAIT_FIELDS } from './wait.js';

export * from './address-range.js';
export * from './context-cache.js';
export * from './descriptor.js';
export * from './device-tlb.js';
export * from './interrupt-entry-cache.js';
export * from './iotlb.js';
export * from './page-group-response.js';
export * from './pasid-cache.js';
export * from './pasid-device-tlb.js';
export * from './pasid-iotlb.js';
export * from './wait.js';

/** The fields of every descriptor this project runs, by type number. */
export const DESCRIPTOR_FIELDS: ReadonlyMap<number, readonly DescriptorField[]> = new Map<
  number,
  readonly DescriptorField[]
>([
  [DESCRIPTOR_TYPE.CONTEXT_CACHE, CONTEXT_CACHE_FIELDS],
  [DESCRIPTOR_TYPE.IOTLB, IOTLB_FIELDS],
  [DESCRIPTOR_TYPE.DEVICE_TLB, DEVICE_TLB_FIELDS],
  [DESCRIPTOR_TYPE.INTERRUPT_ENTRY_CACHE, INTERRUPT_ENTRY_CACHE_FIELDS],
  [DESCRIPTOR_TYPE.WAIT, WAIT_FIELDS],
  [DESCRIPTOR_TYPE.PASID_IOTLB, PASID_IOTLB_FIELDS],
  [DESCRIPTOR_TYPE.PASID_CACHE, PASID_CACHE_FIELDS],
  [DESCRIPTOR_TYPE.PASID_DEVICE_TLB, PASID_DEVICE_TLB_FIELDS],
  [DESCRIPTOR_TYPE.PAGE_GROUP_RESPONSE, PAGE_GROUP_RESPONSE_FIELDS],
]);
