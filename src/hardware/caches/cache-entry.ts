import type { Hpa, Iova } from '../../bits/address.js';
import type { U64 } from '../../bits/u64.js';
import type { PageAccess } from '../request.js';

/** One entry of a unit's caches, for people to look at. */
export interface CacheEntry {
  readonly kind: 'CONTEXT' | 'PASID' | 'IOTLB' | 'PAGING_STRUCTURE';
  readonly sourceId: number;
  /** The tag invalidations go by; null for scalable-mode context entries, which have none. */
  readonly domainId: number | null;
  /** As the request had it; null for requests-without-PASID and for context entries. */
  readonly pasid: number | null;
  /** First address the entry answers for; null where it answers for a whole function or PASID. */
  readonly address: Iova | null;
  /** Bytes it answers for from `address`; null as above. */
  readonly pageSize: number | null;
  /** Where it leads: a page, or the next table. */
  readonly target: Hpa | null;
  readonly access: PageAccess | null;
  /** The cached table entry, for context and PASID entries. */
  readonly words: readonly U64[];
  /** Not 0 on units with caching mode, when what is cached is a refusal. */
  readonly reason: number;
}

/** Whether pages [first, first + pages) and the naturally aligned 2^addressMask pages around pfn overlap. */
export function overlapsRange(first: number, pages: number, pfn: number, addressMask: number): boolean {
  if (addressMask >= 52) return true;
  const size = 2 ** addressMask;
  const start = pfn - (pfn % size);
  return first < start + size && start < first + pages;
}
