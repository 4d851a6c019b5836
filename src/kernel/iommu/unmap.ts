import { type U64, ZERO, pfnOf, toHexDigits, u64FromPfn } from '../../bits/u64.js';
import { type Unmapped, intelUnmap, reachOfUnmap, syncUnmap } from '../intel/unmap.js';
import type { Domain } from './domain.js';
import type { KernelState } from '../state.js';
import { Every, type Steps, wholly } from '../steps.js';
import { chunkOrder } from './page-size.js';

/** Chunks after which others get a turn: each can be heard of by several units and devices. */
export const CHUNKS_PER_STEP = 64;

/**
 * Unmaps a range and returns how many bytes the kernel says it unmapped: never an error, 0 for a request it
 * will not look at, and more than asked where a large page or an absent table reaches further.
 * Linux: iommu_unmap(), __iommu_unmap().
 */
export function* unmap(
  state: KernelState,
  domain: Domain,
  request: { readonly iova: U64; readonly size: U64 },
): Steps<U64> {
  const { iova, size } = request;
  if (!domain.isPaging) return ZERO;
  if (((iova.lo | size.lo) & 0xfff) !== 0) {
    state.log.print(
      `iommu: unaligned: iova 0x${toHexDigits(iova)} size 0x${toHexDigits(size)} min_pagesz 0x1000`,
    );
    return ZERO;
  }
  const unmapped = u64FromPfn(yield* unmapPages(state, domain, pfnOf(iova), pfnOf(size)));
  if (unmapped.hi !== 0 || unmapped.lo !== 0) {
    state.emit({
      type: 'MAPPING',
      mapped: false,
      domain: domain.number,
      iova,
      physical: null,
      size: unmapped,
      read: false,
      write: false,
    });
  }
  return unmapped;
}

/** Clears a range that was mapped as one, without a flush. Linux: iommu_unmap_fast(). */
export function clearPages(domain: Domain, pfn: number, pages: number): Unmapped[] {
  const cleared: Unmapped[] = [];
  for (let done = 0; done < pages;) {
    const chunk = 2 ** chunkOrder(domain.pageSizeBitmap, pfn + done, 0, pages - done);
    const unmapped = wholly(intelUnmap(domain, pfn + done, chunk));
    cleared.push(unmapped);
    done += unmapped.run.pages;
  }
  return cleared;
}

/** The loop over chunks; returns pages. Everything is checked before the first chunk goes. */
export function* unmapPages(state: KernelState, domain: Domain, pfn: number, pages: number): Steps<number> {
  const rest = new Every(CHUNKS_PER_STEP);
  for (let done = 0; done < pages;) {
    const chunk = 2 ** chunkOrder(domain.pageSizeBitmap, pfn + done, 0, pages - done);
    done += reachOfUnmap(domain, pfn + done, chunk);
    if (rest.isOver) yield;
  }
  const gathered: Unmapped[] = [];
  let done = 0;
  while (done < pages) {
    const chunk = 2 ** chunkOrder(domain.pageSizeBitmap, pfn + done, 0, pages - done);
    const unmapped = yield* intelUnmap(domain, pfn + done, chunk);
    if (state.profile.gathersUnmapFlushes) gathered.push(unmapped);
    else syncUnmap(state, domain, [unmapped]);
    done += unmapped.run.pages;
    if (rest.isOver) yield;
  }
  if (gathered.length > 0) syncUnmap(state, domain, gathered);
  return done;
}
