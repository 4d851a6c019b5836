import { type U64, bit, field, u64FromPfn } from '../../bits/u64.js';

/** A naturally aligned run of 2^`addressMask` pages. */
export interface PageRange {
  /** First page frame number. */
  readonly pfn: number;
  /** Binary logarithm of the number of pages. */
  readonly addressMask: number;
}

/** Every page there is. */
export const WHOLE_SPACE: PageRange = { pfn: 0, addressMask: 52 };

/**
 * The range of an IOTLB descriptor. Address bits below the size are ignored, not refused.
 * Spec: VT-d 6.5.2.3 "IOTLB Invalidate", fields ADDR and AM.
 */
export function pageRangeOf(pfn: number, addressMask: number): PageRange {
  if (addressMask >= 52) return WHOLE_SPACE;
  const pages = 2 ** addressMask;
  return { pfn: pfn - (pfn % pages), addressMask };
}

/**
 * The address word of a device-TLB descriptor: the size is coded by the lowest 0 bit above the flag.
 * Spec: PCI Express ATS, "Invalidate Request Message"; VT-d 6.5.2.5 "Device-TLB Invalidate".
 */
export function packDeviceRange(range: PageRange, flagBit: number): U64 {
  const { pfn, addressMask } = pageRangeOf(range.pfn, range.addressMask);
  if (addressMask === 0) return u64FromPfn(pfn);
  // Size 2^n pages: ADDR bit 12+n-1 is 0 and the n-1 bits below it are 1. 2^52 pages reads as bit 63 = 0.
  const ones = 2 ** (addressMask - 1) - 1;
  const address = u64FromPfn(pfn + ones);
  return { hi: address.hi, lo: (address.lo | (1 << flagBit)) >>> 0 };
}

/** The range coded in the address word of a device-TLB descriptor. */
export function parseDeviceRange(word: U64, flagBit: number): PageRange {
  const pfn = field(word, 63, 12);
  if (!bit(word, flagBit)) return { pfn, addressMask: 0 };
  let addressMask = 1;
  for (let position = 12; position < 64 && bit(word, position); position++) addressMask++;
  return pageRangeOf(pfn, addressMask);
}
