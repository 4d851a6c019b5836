import { type U64, isZero, pfnOf, toHex } from '../../bits/u64.js';
import type { DmaList } from './dma-list.js';
import { requireIommu, wraps } from './map-dma.js';
import type { VfioContainer } from './objects.js';
import { refusal } from '../refusal.js';

/** Linux: VFIO_IOMMU_DIRTY_PAGES_FLAG_*. */
export const DIRTY_PAGES = { START: 1, STOP: 2, GET_BITMAP: 4 } as const;

/** Pages of a range. */
export interface DirtyRun {
  readonly pfn: number;
  readonly pages: number;
}

const MIRRORS = 'vfio_iommu_type1_dirty_pages';
/** A bitmap has at most 256 MiB. Linux: DIRTY_BITMAP_SIZE_MAX. */
const MOST_PAGES = 2 ** 31;

/**
 * Starts, stops or reads the record of pages that may have been written, for moving a machine. Memory a
 * device reaches through an IOMMU counts as written as a whole, since nothing records what a device does;
 * otherwise what drivers of subdevices wrote for them.
 * Linux: vfio_iommu_type1_dirty_pages(), vfio_iova_dirty_bitmap().
 *
 * @param flags exactly one of START, STOP and GET_BITMAP
 * @param range what to read; GET_BITMAP only
 * @returns dirty pages in order, neighbours merged within a mapping; none for START and STOP
 */
export function dirtyPages(
  container: VfioContainer,
  flags: number,
  range: { readonly iova: U64; readonly size: U64 } | null,
): DirtyRun[] {
  const iommu = requireIommu(container, 'vfio_fops_unl_ioctl');
  if (!iommu.v2) {
    throw refusal('EACCES', MIRRORS, 'Version 1 containers do not record dirty pages.', { code: 'TYPE1_V1' });
  }
  switch (flags) {
    case DIRTY_PAGES.START:
      iommu.dirty ??= new Set();
      return [];
    case DIRTY_PAGES.STOP:
      iommu.dirty = null;
      return [];
    case DIRTY_PAGES.GET_BITMAP:
      break;
    default:
      throw invalid('Exactly one of START, STOP and GET_BITMAP must be asked for.');
  }
  if (range === null) throw invalid('There is no range to read.');
  const written = iommu.dirty;
  requireRange(iommu.dmas, range);
  if (written === null) throw invalid('Nothing is recorded: START was not asked for.');
  const first = pfnOf(range.iova);
  const end = first + pfnOf(range.size);
  if (iommu.domains.length > 0) {
    return iommu.dmas
      .all()
      .filter((dma) => dma.pfn >= first && dma.pfn < end)
      .map(({ pfn, pages }) => ({ pfn, pages }));
  }
  const runs: { readonly pfn: number; pages: number }[] = [];
  for (const pfn of [...written].filter((each) => each >= first && each < end).sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last.pfn + last.pages === pfn) last.pages++;
    else runs.push({ pfn, pages: 1 });
    written.delete(pfn);
  }
  return runs;
}

/** A bitmap has a bit for each page of 4096 bytes, and covers whole mappings. */
function requireRange(dmas: DmaList, { iova, size }: { readonly iova: U64; readonly size: U64 }): void {
  if (isZero(size) || ((iova.lo | size.lo) & 0xfff) !== 0 || wraps(iova, size)) {
    throw invalid(`The range at ${toHex(iova)} of ${toHex(size)} bytes is not made of whole pages.`);
  }
  if (pfnOf(size) > MOST_PAGES) throw invalid(`A bitmap has at most ${MOST_PAGES} pages.`);
  const end = pfnOf(iova) + pfnOf(size);
  const head = dmas.firstIn(pfnOf(iova), 1);
  const tail = dmas.firstIn(end - 1, 1);
  const cuts =
    (head !== null && head.pfn !== pfnOf(iova)) || (tail !== null && tail.pfn + tail.pages !== end);
  if (cuts) throw invalid(`The range at ${toHex(iova)} cuts a mapping.`);
}

function invalid(rule: string) {
  return refusal('EINVAL', MIRRORS, rule, { code: 'INVALID_ARGUMENT' });
}
