import { type U64, shiftLeft, u64, u64FromPfn } from '../../bits/u64.js';
import { type PageRange, pageRangeOf } from '../../layout/invalidation/index.js';

/** A range as events report it: the first address and the bytes from there; null bytes for the whole space. */
export function describeRange(range: PageRange): { address: U64; size: U64 | null } {
  const { pfn, addressMask } = pageRangeOf(range.pfn, range.addressMask);
  return {
    address: u64FromPfn(pfn),
    size: addressMask >= 52 ? null : shiftLeft(u64(0, 1), addressMask + 12),
  };
}
