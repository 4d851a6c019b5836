import { type U64, orU64 } from '../../bits/u64.js';
import { type PageRange, packDeviceRange, parseDeviceRange } from './address-range.js';
import {
  DESCRIPTOR_TYPE,
  type DescriptorField,
  type DescriptorWords,
  packDescriptor,
  parseDescriptor,
} from './descriptor.js';

/** Spec: VT-d 6.5.2.5 "Device-TLB Invalidate". */
export const DEVICE_TLB_FIELDS = [
  { name: 'PFSID_LOW', word: 0, last: 15, first: 12 },
  { name: 'MIP', word: 0, last: 20, first: 16 },
  { name: 'SID', word: 0, last: 47, first: 32 },
  { name: 'PFSID_HIGH', word: 0, last: 63, first: 52 },
  { name: 'S', word: 1, last: 0, first: 0 },
  { name: 'ADDR', word: 1, last: 63, first: 12 },
] as const satisfies readonly DescriptorField[];

/** Drops translations a device caches for requests without PASID. */
export interface DeviceTlbInvalidation {
  readonly sourceId: number;
  /** The physical function whose invalidation credits count (DIT); the function itself unless it is virtual. */
  readonly physicalFunctionSourceId: number;
  /** MIP: how many may be pending at that function. */
  readonly maxPending: number;
  /** `WHOLE_SPACE` for everything. */
  readonly range: PageRange;
}

export function packDeviceTlbInvalidation(of: DeviceTlbInvalidation): DescriptorWords {
  const [low, high] = packDescriptor(DESCRIPTOR_TYPE.DEVICE_TLB, DEVICE_TLB_FIELDS, {
    PFSID_LOW: of.physicalFunctionSourceId & 15,
    MIP: of.maxPending,
    SID: of.sourceId,
    PFSID_HIGH: of.physicalFunctionSourceId >>> 4,
  });
  return [low, orU64(high, packDeviceRange(of.range, 0))];
}

export function parseDeviceTlbInvalidation(words: readonly U64[]): DeviceTlbInvalidation {
  const { PFSID_LOW, PFSID_HIGH, MIP, SID } = parseDescriptor(DEVICE_TLB_FIELDS, words);
  return {
    sourceId: SID,
    physicalFunctionSourceId: (PFSID_HIGH << 4) | PFSID_LOW,
    maxPending: MIP,
    range: parseDeviceRange(words[1], 0),
  };
}
