import { ALL_ONES, ZERO, addU64, compareU64, pfnOf, subU64, u64 } from '../../bits/u64.js';
import type { ReservedRegion } from '../iommu/reserved-region.js';
import type { DmaList } from './dma-list.js';
import type { IovaRange } from './objects.js';

const ONE = u64(0, 1);

/**
 * Whether a new domain's aperture leaves out mappings that exist, or has nothing in common with the ranges
 * so far. Linux: vfio_iommu_aper_conflict().
 */
export function apertureConflicts(ranges: readonly IovaRange[], dmas: DmaList, aperture: IovaRange): boolean {
  const first = ranges.at(0);
  const last = ranges.at(-1);
  if (first === undefined || last === undefined) return false;
  const { start, last: end } = aperture;
  if (compareU64(start, last.last) > 0 || compareU64(end, first.start) < 0) return true;
  const below = compareU64(start, first.start) > 0;
  if (below && hasMapping(dmas, { start: first.start, last: subU64(start, ONE) })) return true;
  return compareU64(end, last.last) < 0 && hasMapping(dmas, { start: addU64(end, ONE), last: last.last });
}

/** What is left of ranges within an aperture; the aperture itself when there were none. Linux: vfio_iommu_aper_resize(). */
export function withinAperture(ranges: readonly IovaRange[], aperture: IovaRange): IovaRange[] {
  if (ranges.length === 0) return [aperture];
  return ranges.flatMap(({ start, last }) => {
    const from = compareU64(start, aperture.start) < 0 ? aperture.start : start;
    const to = compareU64(last, aperture.last) > 0 ? aperture.last : last;
    return compareU64(from, to) > 0 ? [] : [{ start: from, last: to }];
  });
}

/** Ranges without reserved regions; those a device can do without stay in. Linux: vfio_iommu_resv_exclude(). */
export function withoutReserved(
  ranges: readonly IovaRange[],
  regions: readonly ReservedRegion[],
): IovaRange[] {
  let left = [...ranges];
  for (const region of regions) {
    if (region.type === 'DIRECT_RELAXABLE') continue;
    left = left.flatMap((range) => {
      const apart = compareU64(region.start, range.last) > 0 || compareU64(region.last, range.start) < 0;
      if (apart) return [range];
      const pieces: IovaRange[] = [];
      if (compareU64(region.start, range.start) > 0) {
        pieces.push({ start: range.start, last: subU64(region.start, ONE) });
      }
      if (compareU64(region.last, range.last) < 0) {
        pieces.push({ start: addU64(region.last, ONE), last: range.last });
      }
      return pieces;
    });
  }
  return left;
}

/** The first reserved region a mapping exists in; null when there is none. Linux: vfio_iommu_resv_conflict(). */
export function reservedConflict(regions: readonly ReservedRegion[], dmas: DmaList): ReservedRegion | null {
  const strict = regions.filter((region) => region.type !== 'DIRECT_RELAXABLE');
  return strict.find((region) => hasMapping(dmas, region)) ?? null;
}

/** Ranges with their two ends moved to what the remaining apertures have in common. Linux: vfio_iommu_aper_expand(). */
export function widened(ranges: readonly IovaRange[], apertures: readonly IovaRange[]): IovaRange[] {
  let start = ZERO;
  let last = ALL_ONES;
  for (const aperture of apertures) {
    if (compareU64(aperture.start, start) > 0) start = aperture.start;
    if (compareU64(aperture.last, last) < 0) last = aperture.last;
  }
  return ranges.map((range, index) => ({
    start: index === 0 ? start : range.start,
    last: index === ranges.length - 1 ? last : range.last,
  }));
}

/** Whether a range may be mapped: wholly within one of the valid ones, or none is set. Linux: vfio_iommu_iova_dma_valid(). */
export function isValidIova(ranges: readonly IovaRange[], wanted: IovaRange): boolean {
  if (ranges.length === 0) return true;
  return ranges.some(
    ({ start, last }) => compareU64(wanted.start, start) >= 0 && compareU64(wanted.last, last) <= 0,
  );
}

/** Reserved regions and apertures come in whole pages. */
function hasMapping(dmas: DmaList, range: IovaRange): boolean {
  const pfn = pfnOf(range.start);
  return dmas.firstIn(pfn, pfnOf(range.last) - pfn + 1) !== null;
}
