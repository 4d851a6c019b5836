import type { U64 } from '../../bits/u64.js';
import { bit } from '../../bits/u64.js';

/**
 * Binary logarithm, in 4 KiB pages, of the next chunk to hand to the driver: the largest supported size that
 * fits the length and to which the addresses, or'ed together, are aligned. Linux: iommu_pgsize().
 *
 * @param bitmap bit n set: 2^n bytes are supported
 * @param pfn first page of the I/O side
 * @param physicalPfn first page of the physical side; 0 when there is none
 * @param pages pages left, at least one
 */
export function chunkOrder(bitmap: U64, pfn: number, physicalPfn: number, pages: number): number {
  const order = Math.min(floorLog2(pages), trailingZeros(pfn), trailingZeros(physicalPfn));
  for (let each = order; each > 0; each--) if (bit(bitmap, each + 12)) return each;
  return 0;
}

/** Of a positive integer below 2^53. */
function floorLog2(value: number): number {
  const high = Math.floor(value / 4294967296);
  return high > 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(value >>> 0);
}

/** Of an integer below 2^53; 0 has as many as one likes. */
function trailingZeros(value: number): number {
  const low = value >>> 0;
  if (low !== 0) return 31 - Math.clz32(low & -low);
  const high = Math.floor(value / 4294967296);
  return high === 0 ? 64 : 63 - Math.clz32(high & -high);
}
