import type { Domain } from '../iommu/domain.js';
import { FastUnmap } from '../iommu/unmap-fast.js';
import type { KernelState } from '../state.js';
import type { VfioDma } from './dma-list.js';
import type { Type1 } from './objects.js';

/** Ranges unmapped between two flushes. Linux: VFIO_IOMMU_TLB_SYNC_MAX. */
const RANGES_PER_SYNC = 512;

/** Takes a mapping out of the container and gives its entry back. Linux: vfio_remove_dma(). */
export function removeDma(state: KernelState, iommu: Type1, dma: VfioDma): void {
  unmapUnpin(state, iommu, dma);
  iommu.dmas.remove(dma);
  iommu.available++;
}

/** Linux: vfio_iommu_unmap_unpin_all(). */
export function removeAllDmas(state: KernelState, iommu: Type1): void {
  for (const dma of [...iommu.dmas.all()]) removeDma(state, iommu, dma);
}

/**
 * Unmaps a mapping from every domain of the container: from all but the newest in one go, from the newest in
 * runs of contiguous memory, because its tables are where the kernel looks up what it has to unpin.
 * Linux: vfio_unmap_unpin().
 */
export function unmapUnpin(state: KernelState, iommu: Type1, dma: VfioDma): void {
  if (dma.pages === 0) return;
  const [first, ...others] = iommu.domains;
  if (first === undefined) return;
  for (const { domain } of others) {
    const whole = new FastUnmap(state, domain);
    whole.unmap(dma.pfn, dma.pages);
    whole.sync();
  }
  const fast = new FastUnmap(state, first.domain);
  let ranges = 0;
  for (const run of contiguousRuns(first.domain, dma)) {
    fast.unmap(run.pfn, run.pages);
    if (++ranges < RANGES_PER_SYNC) continue;
    fast.sync();
    ranges = 0;
  }
  fast.sync();
}

/** Runs of pages of a mapping whose frames follow each other; pages that are not mapped are passed over. */
function contiguousRuns(domain: Domain, dma: VfioDma): { readonly pfn: number; readonly pages: number }[] {
  const runs: { pfn: number; pages: number }[] = [];
  let last = { pfn: -1, pages: 0 };
  let nextPfn = -1;
  let nextFrame = -1;
  domain.table.visitLeaves(dma.pfn, dma.pfn + dma.pages - 1, (pfn, frame, pages) => {
    if (pfn === nextPfn && frame === nextFrame) last.pages += pages;
    else runs.push((last = { pfn, pages }));
    nextPfn = pfn + pages;
    nextFrame = frame + pages;
  });
  return runs;
}
