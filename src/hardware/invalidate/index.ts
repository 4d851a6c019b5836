import type { U64 } from '../../bits/u64.js';
import {
  CONTEXT_CACHE_FIELDS,
  DESCRIPTOR_TYPE,
  DEVICE_TLB_FIELDS,
  type DescriptorField,
  type DescriptorWords,
  INTERRUPT_ENTRY_CACHE_FIELDS,
  IOTLB_FIELDS,
  PASID_CACHE_FIELDS,
  PASID_DEVICE_TLB_FIELDS,
  PASID_IOTLB_FIELDS,
  parseContextCacheInvalidation,
  parseDeviceTlbInvalidation,
  parseInterruptEntryCacheInvalidation,
  parseIotlbInvalidation,
  parsePasidCacheInvalidation,
  parsePasidDeviceTlbInvalidation,
  parsePasidIotlbInvalidation,
  reservedMasks,
} from '../../layout/invalidation/index.js';
import { invalidateContextCache } from './context-cache.js';
import { invalidateDeviceTlb, invalidatePasidDeviceTlb } from './device-tlb.js';
import { invalidateInterruptEntryCache } from './interrupt-entry-cache.js';
import { invalidateIotlb } from './iotlb.js';
import { invalidatePasidCache } from './pasid-cache.js';
import { invalidatePasidIotlb } from './pasid-iotlb.js';
import type { Invalidated, InvalidationTarget } from './target.js';

export { invalidateContextCache } from './context-cache.js';
export { invalidateIotlb } from './iotlb.js';
export { type Invalidated, type InvalidationTarget, invalidated } from './target.js';

/** How the queue runs one type of descriptor. */
export interface InvalidationStep {
  readonly reserved: DescriptorWords;
  readonly run: (target: InvalidationTarget, words: readonly U64[]) => Invalidated;
}

function step<T>(
  fields: readonly DescriptorField[],
  parse: (words: readonly U64[]) => T,
  act: (target: InvalidationTarget, what: T) => Invalidated,
): InvalidationStep {
  return { reserved: reservedMasks(fields), run: (target, words) => act(target, parse(words)) };
}

/** The descriptors that drop something, by type number; waiting and page responses are the queue's own. */
export const INVALIDATION_STEPS: ReadonlyMap<number, InvalidationStep> = new Map([
  [
    DESCRIPTOR_TYPE.CONTEXT_CACHE,
    step(CONTEXT_CACHE_FIELDS, parseContextCacheInvalidation, invalidateContextCache),
  ],
  [DESCRIPTOR_TYPE.IOTLB, step(IOTLB_FIELDS, parseIotlbInvalidation, invalidateIotlb)],
  [DESCRIPTOR_TYPE.DEVICE_TLB, step(DEVICE_TLB_FIELDS, parseDeviceTlbInvalidation, invalidateDeviceTlb)],
  [
    DESCRIPTOR_TYPE.INTERRUPT_ENTRY_CACHE,
    step(INTERRUPT_ENTRY_CACHE_FIELDS, parseInterruptEntryCacheInvalidation, invalidateInterruptEntryCache),
  ],
  [DESCRIPTOR_TYPE.PASID_IOTLB, step(PASID_IOTLB_FIELDS, parsePasidIotlbInvalidation, invalidatePasidIotlb)],
  [DESCRIPTOR_TYPE.PASID_CACHE, step(PASID_CACHE_FIELDS, parsePasidCacheInvalidation, invalidatePasidCache)],
  [
    DESCRIPTOR_TYPE.PASID_DEVICE_TLB,
    step(PASID_DEVICE_TLB_FIELDS, parsePasidDeviceTlbInvalidation, invalidatePasidDeviceTlb),
  ],
]);
