import type { U64 } from '../../bits/u64.js';
import {
  DESCRIPTOR_TYPE,
  type DescriptorField,
  type DescriptorWords,
  packDescriptor,
  parseDescriptor,
} from './descriptor.js';

/** Spec: VT-d 6.5.2.2 "PASID-cache Invalidate". */
export const PASID_CACHE_FIELDS = [
  { name: 'G', word: 0, last: 5, first: 4 },
  { name: 'DID', word: 0, last: 31, first: 16 },
  { name: 'PASID', word: 0, last: 51, first: 32 },
] as const satisfies readonly DescriptorField[];

/** Values of G. */
export const PASID_CACHE_GRANULARITY = { DOMAIN: 0, PASID: 1, GLOBAL: 3 } as const;

/** Drops PASID-cache entries. */
export interface PasidCacheInvalidation {
  /** A value of {@link PASID_CACHE_GRANULARITY}; 2 is reserved. */
  readonly granularity: number;
  readonly domainId: number;
  readonly pasid: number;
}

export function packPasidCacheInvalidation(of: PasidCacheInvalidation): DescriptorWords {
  return packDescriptor(DESCRIPTOR_TYPE.PASID_CACHE, PASID_CACHE_FIELDS, {
    G: of.granularity,
    DID: of.domainId,
    PASID: of.pasid,
  });
}

export function parsePasidCacheInvalidation(words: readonly U64[]): PasidCacheInvalidation {
  const { G, DID, PASID } = parseDescriptor(PASID_CACHE_FIELDS, words);
  return { granularity: G, domainId: DID, pasid: PASID };
}
