import type { U64 } from '../../bits/u64.js';
import {
  DESCRIPTOR_TYPE,
  type DescriptorField,
  type DescriptorWords,
  packDescriptor,
  parseDescriptor,
} from './descriptor.js';

/** Spec: VT-d 6.5.2.3 "IOTLB Invalidate". */
export const IOTLB_FIELDS = [
  { name: 'G', word: 0, last: 5, first: 4 },
  { name: 'DW', word: 0, last: 6, first: 6 },
  { name: 'DR', word: 0, last: 7, first: 7 },
  { name: 'DID', word: 0, last: 31, first: 16 },
  { name: 'AM', word: 1, last: 5, first: 0 },
  { name: 'IH', word: 1, last: 6, first: 6 },
  { name: 'ADDR', word: 1, last: 63, first: 12 },
] as const satisfies readonly DescriptorField[];

/** Values of G, and of the IOTLB register's IIRG. */
export const IOTLB_GRANULARITY = { GLOBAL: 1, DOMAIN: 2, PAGE: 3 } as const;

/** Drops IOTLB and paging-structure cache entries. */
export interface IotlbInvalidation {
  /** A value of {@link IOTLB_GRANULARITY}; 0 is reserved. */
  readonly granularity: number;
  readonly domainId: number;
  readonly drainReads: boolean;
  readonly drainWrites: boolean;
  /** First page frame; with PAGE only. */
  readonly pfn: number;
  /** AM: the range has 2^AM pages; with PAGE only. */
  readonly addressMask: number;
  /** IH: only leaf entries changed, cached tables above them may stay. */
  readonly keepStructure: boolean;
}

export function packIotlbInvalidation(of: IotlbInvalidation): DescriptorWords {
  return packDescriptor(DESCRIPTOR_TYPE.IOTLB, IOTLB_FIELDS, {
    G: of.granularity,
    DW: Number(of.drainWrites),
    DR: Number(of.drainReads),
    DID: of.domainId,
    AM: of.addressMask,
    IH: Number(of.keepStructure),
    ADDR: of.pfn,
  });
}

export function parseIotlbInvalidation(words: readonly U64[]): IotlbInvalidation {
  const { G, DW, DR, DID, AM, IH, ADDR } = parseDescriptor(IOTLB_FIELDS, words);
  return {
    granularity: G,
    domainId: DID,
    drainReads: DR === 1,
    drainWrites: DW === 1,
    pfn: ADDR,
    addressMask: AM,
    keepStructure: IH === 1,
  };
}
