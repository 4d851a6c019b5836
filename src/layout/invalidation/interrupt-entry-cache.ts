import type { U64 } from '../../bits/u64.js';
import {
  DESCRIPTOR_TYPE,
  type DescriptorField,
  type DescriptorWords,
  packDescriptor,
  parseDescriptor,
} from './descriptor.js';

/** Spec: VT-d 6.5.2.7 "Interrupt Entry Cache Invalidate". */
export const INTERRUPT_ENTRY_CACHE_FIELDS = [
  { name: 'G', word: 0, last: 4, first: 4 },
  { name: 'IM', word: 0, last: 31, first: 27 },
  { name: 'IIDX', word: 0, last: 47, first: 32 },
] as const satisfies readonly DescriptorField[];

/** Drops cached interrupt remapping entries. */
export interface InterruptEntryCacheInvalidation {
  /** False: all entries. */
  readonly selective: boolean;
  readonly index: number;
  /** 2^`indexMask` entries; the low bits of `index` are ignored. */
  readonly indexMask: number;
}

export function packInterruptEntryCacheInvalidation(of: InterruptEntryCacheInvalidation): DescriptorWords {
  return packDescriptor(DESCRIPTOR_TYPE.INTERRUPT_ENTRY_CACHE, INTERRUPT_ENTRY_CACHE_FIELDS, {
    G: Number(of.selective),
    IM: of.indexMask,
    IIDX: of.index,
  });
}

export function parseInterruptEntryCacheInvalidation(words: readonly U64[]): InterruptEntryCacheInvalidation {
  const { G, IM, IIDX } = parseDescriptor(INTERRUPT_ENTRY_CACHE_FIELDS, words);
  return { selective: G === 1, index: IIDX, indexMask: IM };
}
