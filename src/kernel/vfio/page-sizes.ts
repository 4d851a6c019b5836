import { type U64, ALL_ONES, ZERO, andU64, orU64, u64 } from '../../bits/u64.js';
import type { Domain } from '../iommu/domain.js';
import type { KernelProfile } from '../profile/profile.js';
import type { Type1 } from './objects.js';

const PAGE_MASK = u64(0xffffffff, 0xfffff000);
const SMALL_PAGE = u64(0, 4096);
/** 4 KiB, 2 MiB, 1 GiB. */
const LEVEL_SIZES = [12, 21, 30];

/** Page sizes of a container, bit n for 2^n bytes: those all its domains have. Linux: vfio_update_pgsize_bitmap(). */
export function containerPageSizes(profile: KernelProfile, iommu: Type1 | null): U64 {
  if (iommu === null) return ZERO;
  const common = iommu.domains.reduce(
    (sizes, { domain }) => andU64(sizes, domainPageSizes(profile, domain)),
    ALL_ONES,
  );
  return orU64(andU64(common, PAGE_MASK), SMALL_PAGE);
}

/** Page sizes of a domain as the driver announces them once it is attached. */
function domainPageSizes(profile: KernelProfile, domain: Domain): U64 {
  if (!profile.reportsRealPageSizes) return domain.pageSizeBitmap;
  return LEVEL_SIZES.slice(0, domain.superpageLevels + 1).reduce(
    (sizes, order) => orU64(sizes, u64(0, 2 ** order)),
    ZERO,
  );
}
