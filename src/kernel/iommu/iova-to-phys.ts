import { type U64, pageOffsetOf, pfnOf, u64FromPfn } from '../../bits/u64.js';
import type { Domain } from './domain.js';

/**
 * Where an I/O address leads, read from the tables. Null when it leads nowhere; an address that leads to
 * physical 0 cannot be told from that. Linux: iommu_iova_to_phys(), intel_iommu_iova_to_phys().
 */
export function iovaToPhys(domain: Domain, iova: U64): U64 | null {
  const pfn = pfnOf(iova);
  if (pfn >= domain.reachablePages) return null;
  const frame = domain.table.translate(pfn);
  const offset = pageOffsetOf(iova);
  return frame < 0 || (frame === 0 && offset === 0) ? null : u64FromPfn(frame, offset);
}
