import { type U64, isZero, pfnOf, toHex } from '../../bits/u64.js';
import type { KernelState } from '../state.js';
import type { VfioDma } from './dma-list.js';
import { requireIommu, wraps } from './map-dma.js';
import type { Type1, VfioContainer } from './objects.js';
import { refusal } from '../refusal.js';
import type { Steps } from '../steps.js';
import { takeAddresses } from './update-vaddr.js';
import { unmapUnpin } from './unmap-unpin.js';

/** What VFIO_IOMMU_UNMAP_DMA is told. */
export interface UnmapDmaRequest {
  readonly iova: U64;
  readonly size: U64;
  /** VFIO_DMA_UNMAP_FLAG_ALL. */
  readonly all: boolean;
  /** VFIO_DMA_UNMAP_FLAG_VADDR: the mappings stay, and lose their addresses. */
  readonly takeVaddr?: boolean;
}

const MIRRORS = 'vfio_dma_do_unmap';
/** Pages of a 64-bit address space. */
const ALL_PAGES = 2 ** 52;

/**
 * Removes whole mappings and returns how many pages they had; nothing there is no error. Version 2 refuses a
 * range that would cut one. Version 1 stops at a mapping the range begins inside of, and takes one whose
 * first byte it covers as a whole. Linux: vfio_dma_do_unmap().
 */
export function* vfioUnmapDma(
  state: KernelState,
  container: VfioContainer,
  request: UnmapDmaRequest,
): Steps<number> {
  const iommu = requireIommu(container, 'vfio_fops_unl_ioctl');
  requireArguments(state, request);
  const pfn = pfnOf(request.iova);
  const pages = request.all ? ALL_PAGES : pfnOf(request.size);
  if (iommu.v2 && !request.all) requireUncut(iommu, pfn, pages);
  const first = iommu.dmas.firstIn(pfn, pages);
  if (first === null || (!iommu.v2 && first.pfn < pfn)) return 0;
  const all = iommu.dmas.all();
  if (request.takeVaddr) {
    const from = all.indexOf(first);
    const end = all.findIndex((dma, at) => at >= from && dma.pfn >= pfn + pages);
    return takeAddresses(state, container, all.slice(from, end < 0 ? undefined : end));
  }
  let removed = 0;
  let count = 0;
  for (let at = all.indexOf(first); at < all.length && all[at].pfn < pfn + pages; at++) {
    yield* unmapUnpin(state, iommu, all[at]);
    removed += all[at].pages;
    count++;
  }
  iommu.dmas.removeRun(first, count);
  iommu.available += count;
  return removed;
}

function requireArguments(state: KernelState, { iova, size, all, takeVaddr }: UnmapDmaRequest): void {
  const invalid = (rule: string) => refusal('EINVAL', MIRRORS, rule, { code: 'INVALID_ARGUMENT' });
  if (takeVaddr && !state.profile.knowsUnmapAll)
    throw invalid(`Linux ${state.profile.name} does not know the flag VADDR.`);
  if (all) {
    if (!state.profile.knowsUnmapAll)
      throw invalid(`Linux ${state.profile.name} does not know the flag ALL.`);
    if (!isZero(iova) || !isZero(size)) throw invalid('With the flag ALL, iova and size must be 0.');
    return;
  }
  if (isZero(size)) throw invalid('There must be something to unmap: the size is 0.');
  if (((iova.lo | size.lo) & 0xfff) !== 0) {
    throw invalid(`iova ${toHex(iova)} and size ${toHex(size)} must be multiples of 4096.`);
  }
  if (wraps(iova, size)) throw invalid(`The range at ${toHex(iova)} wraps around the end of I/O addresses.`);
}

function requireUncut(iommu: Type1, pfn: number, pages: number): void {
  const head = iommu.dmas.firstIn(pfn, 1);
  const tail = iommu.dmas.firstIn(pfn + pages - 1, 1);
  const cut =
    head !== null && head.pfn !== pfn
      ? head
      : tail !== null && tail.pfn + tail.pages !== pfn + pages
        ? tail
        : null;
  if (cut !== null) throw cutRefusal(cut);
}

function cutRefusal(dma: VfioDma) {
  const last = dma.pfn + dma.pages - 1;
  const rule = `The range cuts the mapping of pages 0x${dma.pfn.toString(16)} to 0x${last.toString(16)}.`;
  return refusal('EINVAL', MIRRORS, rule, { code: 'CUTS_MAPPING', remedy: 'Unmap whole mappings.' });
}
