import type { U64 } from '../../bits/u64.js';
import {
  DESCRIPTOR_TYPE,
  type DescriptorField,
  type DescriptorWords,
  packDescriptor,
  parseDescriptor,
} from './descriptor.js';

/** Spec: VT-d 6.5.2.4 "PASID-based-IOTLB Invalidate". */
export const PASID_IOTLB_FIELDS = [
  { name: 'G', word: 0, last: 5, first: 4 },
  { name: 'DID', word: 0, last: 31, first: 16 },
  { name: 'PASID', word: 0, last: 51, first: 32 },
  { name: 'AM', word: 1, last: 5, first: 0 },
  { name: 'IH', word: 1, last: 6, first: 6 },
  { name: 'ADDR', word: 1, last: 63, first: 12 },
] as const satisfies readonly DescriptorField[];

/** Values of G. */
export const PASID_IOTLB_GRANULARITY = { PASID: 2, PAGE: 3 } as const;

/** Drops IOTLB and paging-structure cache entries of one PASID. */
export interface PasidIotlbInvalidation {
  /** A value of {@link PASID_IOTLB_GRANULARITY}; 0 and 1 are reserved. */
  readonly granularity: number;
  readonly domainId: number;
  readonly pasid: number;
  /** First page frame; with PAGE only. */
  readonly pfn: number;
  /** AM: the range has 2^AM pages; with PAGE only. Every value is legal, whatever MAMV says. */
  readonly addressMask: number;
  /** IH: only leaf entries changed, cached tables above them may stay. */
  readonly keepStructure: boolean;
}

export function packPasidIotlbInvalidation(of: PasidIotlbInvalidation): DescriptorWords {
  return packDescriptor(DESCRIPTOR_TYPE.PASID_IOTLB, PASID_IOTLB_FIELDS, {
    G: of.granularity,
    DID: of.domainId,
    PASID: of.pasid,
    AM: of.addressMask,
    IH: Number(of.keepStructure),
    ADDR: of.pfn,
  });
}

export function parsePasidIotlbInvalidation(words: readonly U64[]): PasidIotlbInvalidation {
  const { G, DID, PASID, AM, IH, ADDR } = parseDescriptor(PASID_IOTLB_FIELDS, words);
  return { granularity: G, domainId: DID, pasid: PASID, pfn: ADDR, addressMask: AM, keepStructure: IH === 1 };
}
