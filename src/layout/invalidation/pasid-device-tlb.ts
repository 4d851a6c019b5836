import { type U64, orU64 } from '../../bits/u64.js';
import { type PageRange, packDeviceRange, parseDeviceRange } from './address-range.js';
import {
  DESCRIPTOR_TYPE,
  type DescriptorField,
  type DescriptorWords,
  packDescriptor,
  parseDescriptor,
} from './descriptor.js';

/** Spec: VT-d 6.5.2.6 "PASID-based-Device-TLB Invalidate". */
export const PASID_DEVICE_TLB_FIELDS = [
  { name: 'MIP', word: 0, last: 8, first: 4 },
  { name: 'PFSID_LOW', word: 0, last: 15, first: 12 },
  { name: 'SID', word: 0, last: 31, first: 16 },
  { name: 'PASID', word: 0, last: 51, first: 32 },
  { name: 'PFSID_HIGH', word: 0, last: 63, first: 52 },
  { name: 'G', word: 1, last: 0, first: 0 },
  { name: 'S', word: 1, last: 11, first: 11 },
  { name: 'ADDR', word: 1, last: 63, first: 12 },
] as const satisfies readonly DescriptorField[];

/** Drops translations a device caches for requests with PASID. */
export interface PasidDeviceTlbInvalidation {
  readonly sourceId: number;
  /** The physical function whose invalidation credits count (DIT); the function itself unless it is virtual. */
  readonly physicalFunctionSourceId: number;
  /** MIP: how many may be pending at that function. */
  readonly maxPending: number;
  readonly pasid: number;
  /** G: the range goes for every PASID of the function. */
  readonly allPasids: boolean;
  /** `WHOLE_SPACE` for everything. */
  readonly range: PageRange;
}

export function packPasidDeviceTlbInvalidation(of: PasidDeviceTlbInvalidation): DescriptorWords {
  const [low, high] = packDescriptor(DESCRIPTOR_TYPE.PASID_DEVICE_TLB, PASID_DEVICE_TLB_FIELDS, {
    MIP: of.maxPending,
    PFSID_LOW: of.physicalFunctionSourceId & 15,
    SID: of.sourceId,
    PASID: of.pasid,
    PFSID_HIGH: of.physicalFunctionSourceId >>> 4,
    G: Number(of.allPasids),
  });
  return [low, orU64(high, packDeviceRange(of.range, 11))];
}

export function parsePasidDeviceTlbInvalidation(words: readonly U64[]): PasidDeviceTlbInvalidation {
  const { MIP, PFSID_LOW, PFSID_HIGH, SID, PASID, G } = parseDescriptor(PASID_DEVICE_TLB_FIELDS, words);
  return {
    sourceId: SID,
    physicalFunctionSourceId: (PFSID_HIGH << 4) | PFSID_LOW,
    maxPending: MIP,
    pasid: PASID,
    allPasids: G === 1,
    range: parseDeviceRange(words[1], 11),
  };
}
