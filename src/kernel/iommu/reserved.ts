import { addU64, compareU64, u64 } from '../../bits/u64.js';
import type { Endpoint } from './endpoint.js';
import type { IommuGroup } from './iommu-group.js';
import type { ReservedRegion } from './reserved-region.js';

/** Reserved regions of one endpoint, as its bus's driver gives them. Linux: iommu_get_resv_regions(). */
export function reservedRegions(endpoint: Endpoint): ReservedRegion[] {
  return endpoint.iommuOps?.getResvRegions(endpoint) ?? [];
}

/**
 * Regions of all members, by start; those of one type that overlap or touch are one.
 * Linux: iommu_get_group_resv_regions(), iommu_insert_resv_region().
 */
export function groupReservedRegions(group: IommuGroup): ReservedRegion[] {
  const all = group.members.flatMap(reservedRegions);
  const merged: ReservedRegion[] = [];
  for (const type of new Set(all.map((region) => region.type))) {
    const ofType = all.filter((region) => region.type === type);
    ofType.sort((a, b) => compareU64(a.start, b.start));
    for (const region of ofType) {
      const previous = merged.at(-1);
      const touches =
        previous?.type === type && compareU64(region.start, addU64(previous.last, u64(0, 1))) <= 0;
      if (!touches) merged.push(region);
      else if (compareU64(region.last, previous.last) > 0)
        merged[merged.length - 1] = { ...previous, last: region.last };
    }
  }
  return merged.sort((a, b) => compareU64(a.start, b.start));
}
