import type { Domain } from '../iommu/domain.js';
import { FastUnmap } from '../iommu/unmap-fast.js';
import type { KernelState } from '../state.js';
import { Every, type Steps } from '../steps.js';
import type { VfioDma } from './dma-list.js';
import type { Type1 } from './objects.js';

/** Ranges unmapped between two flushes. Linux: VFIO_IOMMU_TLB_SYNC_MAX. */
const RANGES_PER_SYNC = 512;
/** Ranges after which others get a turn; older kernels tell of each in a dozen flushes. */
const RANGES_PER_STEP = 16;
/** Pages looked at for contiguous memory at a time: a gigabyte, so that no large page lies in two such windows. */
const WINDOW_PAGES = 2 ** 18;

/** Takes a mapping out of the container and gives its entry back. Linux: vfio_remove_dma(). */
export function* removeDma(state: KernelState, iommu: Type1, dma: VfioDma): Steps<void> {
  yield* unmapUnpin(state, iommu, dma);
  iommu.dmas.remove(dma);
  iommu.available++;
}

/** Linux: vfio_iommu_unmap_unpin_all(). */
export function* removeAllDmas(state: KernelState, iommu: Type1): Steps<void> {
  for (const dma of [...iommu.dmas.all()]) yield* removeDma(state, iommu, dma);
}

/**
 * Unmaps a mapping from every domain of the container: from all but the newest in one go, from the newest in
 * runs of contiguous memory, because its tables are where the kernel looks up what it has to unpin.
 * Linux: vfio_unmap_unpin().
 */
export function* unmapUnpin(state: KernelState, iommu: Type1, dma: VfioDma): Steps<void> {
  if (dma.pages === 0) return;
  const [first, ...others] = iommu.domains;
  if (first === undefined) return;
  for (const { domain } of others) {
    const whole = new FastUnmap(state, domain);
    yield* whole.unmap(dma.pfn, dma.pages);
    whole.sync();
  }
  const fast = new FastUnmap(state, first.domain);
  const rest = new Every(RANGES_PER_STEP);
  let ranges = 0;
  for (const run of contiguousRuns(first.domain, dma)) {
    yield* fast.unmap(run.pfn, run.pages);
    if (rest.isOver) yield;
    if (++ranges < RANGES_PER_SYNC) continue;
    fast.sync();
    ranges = 0;
  }
  fast.sync();
  yield;
}

/** A run of pages whose frames follow each other. */
interface Run {
  readonly pfn: number;
  readonly frame: number;
  pages: number;
}

/**
 * Runs of pages of a mapping whose frames follow each other; pages that are not mapped are passed over. Looks no
 * farther ahead than it has to, and never at what was given out.
 */
function* contiguousRuns(domain: Domain, dma: VfioDma): Generator<Run> {
  const end = dma.pfn + dma.pages;
  let last: Run | null = null;
  for (let from = dma.pfn; from < end;) {
    const to = Math.min(end, from - (from % WINDOW_PAGES) + WINDOW_PAGES);
    const runs: Run[] = last === null ? [] : [last];
    domain.table.visitLeaves(from, to - 1, (pfn, frame, pages) => {
      const run = runs.at(-1);
      if (run !== undefined && pfn === run.pfn + run.pages && frame === run.frame + run.pages)
        run.pages += pages;
      else runs.push({ pfn, frame, pages });
    });
    last = runs.pop() ?? null;
    yield* runs;
    from = to;
  }
  if (last !== null) yield last;
}
