import type { U64 } from '../../bits/u64.js';
import {
  DESCRIPTOR_TYPE,
  type DescriptorField,
  type DescriptorWords,
  packDescriptor,
  parseDescriptor,
} from './descriptor.js';

/** Spec: VT-d 6.5.2.1 "Context-Cache Invalidate". */
export const CONTEXT_CACHE_FIELDS = [
  { name: 'G', word: 0, last: 5, first: 4 },
  { name: 'DID', word: 0, last: 31, first: 16 },
  { name: 'SID', word: 0, last: 47, first: 32 },
  { name: 'FM', word: 0, last: 49, first: 48 },
] as const satisfies readonly DescriptorField[];

/** Values of G, and of CCMD.CIRG. */
export const CONTEXT_GRANULARITY = { GLOBAL: 1, DOMAIN: 2, DEVICE: 3 } as const;

/** Drops context-cache entries. */
export interface ContextCacheInvalidation {
  /** A value of {@link CONTEXT_GRANULARITY}; 0 is reserved. */
  readonly granularity: number;
  readonly domainId: number;
  readonly sourceId: number;
  /** Low bits of the function number to ignore: 0 none, 1 bit 2, 2 bits 2:1, 3 all. */
  readonly functionMask: number;
}

export function packContextCacheInvalidation(of: ContextCacheInvalidation): DescriptorWords {
  return packDescriptor(DESCRIPTOR_TYPE.CONTEXT_CACHE, CONTEXT_CACHE_FIELDS, {
    G: of.granularity,
    DID: of.domainId,
    SID: of.sourceId,
    FM: of.functionMask,
  });
}

export function parseContextCacheInvalidation(words: readonly U64[]): ContextCacheInvalidation {
  const { G, DID, SID, FM } = parseDescriptor(CONTEXT_CACHE_FIELDS, words);
  return { granularity: G, domainId: DID, sourceId: SID, functionMask: FM };
}
