import type { UnitCapabilities } from '../../layout/capability.js';
import type { DescriptorExecuted } from '../events.js';
import type { DeviceTlb } from '../caches/device-tlb.js';
import type { InterruptEntryCache } from '../caches/interrupt-entry-cache.js';
import type { TranslationCaches } from '../caches/translation-caches.js';

/** What an invalidation can reach. */
export interface InvalidationTarget {
  readonly capabilities: UnitCapabilities;
  readonly caches: TranslationCaches;
  readonly interruptEntries: InterruptEntryCache;
  /** Whether the latched root table is in scalable mode. */
  readonly isScalable: boolean;
  /** The cache of a device; null when no device answers to the source id. */
  deviceTlb(sourceId: number): DeviceTlb | null;
}

/** What an invalidation did, or why it was refused. */
export interface Invalidated extends Pick<
  DescriptorExecuted,
  'descriptor' | 'granularity' | 'domainIdTag' | 'pasid' | 'sourceId' | 'address' | 'size' | 'dropped'
> {
  /** A field holds a value the unit does not take: the queue stops. */
  readonly refused: boolean;
  /** A device was asked and did not answer. */
  readonly unanswered: boolean;
}

/** An outcome from the parts that differ from the usual. */
export function invalidated(parts: Partial<Invalidated> & Pick<Invalidated, 'descriptor'>): Invalidated {
  return {
    granularity: null,
    domainIdTag: null,
    pasid: null,
    sourceId: null,
    address: null,
    size: null,
    dropped: 0,
    refused: false,
    unanswered: false,
    ...parts,
  };
}
