import { u64FromPfn } from '../../bits/u64.js';
import { type Unmapped, intelUnmap, reachOfUnmap, syncUnmap } from '../intel/unmap.js';
import type { Domain } from './domain.js';
import type { KernelState } from '../state.js';
import { Every, type Steps } from '../steps.js';
import { CHUNKS_PER_STEP, unmapPages } from './unmap.js';

/**
 * Unmaps range after range of one domain and flushes as late as the profile allows: older kernels at once,
 * later ones when the next range does not continue the one before it or has another size, and at the end.
 * Linux: iommu_unmap_fast(), iommu_iotlb_gather_add_page(), iommu_iotlb_sync().
 */
export class FastUnmap {
  private gathered: Unmapped[] = [];

  constructor(
    private readonly state: KernelState,
    private readonly domain: Domain,
  ) {}

  /** Returns pages unmapped, which can be more than asked. */
  *unmap(pfn: number, pages: number): Steps<number> {
    const done = this.state.profile.gathersUnmapFlushes
      ? yield* this.gather(pfn, pages)
      : yield* unmapPages(this.state, this.domain, pfn, pages);
    this.state.emit({
      type: 'MAPPING',
      mapped: false,
      domain: this.domain.number,
      iova: u64FromPfn(pfn),
      physical: null,
      size: u64FromPfn(done),
      read: false,
      write: false,
    });
    return done;
  }

  sync(): void {
    if (this.gathered.length > 0) syncUnmap(this.state, this.domain, this.gathered);
    this.gathered = [];
  }

  private *gather(pfn: number, pages: number): Steps<number> {
    const { domain } = this;
    const rest = new Every(CHUNKS_PER_STEP);
    for (let done = 0; done < pages;) {
      done += reachOfUnmap(domain, pfn + done, this.chunk(pfn + done, pages - done));
      if (rest.isOver) yield;
    }
    let done = 0;
    while (done < pages) {
      const unmapped = yield* intelUnmap(domain, pfn + done, this.chunk(pfn + done, pages - done));
      const last = this.gathered.at(-1);
      const continues =
        last !== undefined &&
        last.run.pages === unmapped.run.pages &&
        last.run.pfn + last.run.pages === unmapped.run.pfn;
      if (last !== undefined && !continues) this.sync();
      this.gathered.push(unmapped);
      done += unmapped.run.pages;
      if (rest.isOver) yield;
    }
    return done;
  }

  /**
   * Pages of one size, as many as can go to the driver at once: up to where larger ones can begin.
   * Linux: iommu_pgsize().
   */
  private chunk(pfn: number, pages: number): number {
    const sizes = [1, 512, 512 * 512].slice(0, this.domain.superpageLevels + 1);
    const size = sizes.findLast((each) => each <= pages && pfn % each === 0)!;
    const next = sizes.find((each) => each > size);
    if (next === undefined) return pages - (pages % size);
    const untilAligned = next - (pfn % next);
    const fits = untilAligned + next <= pages;
    return fits ? untilAligned : pages - (pages % size);
  }
}
