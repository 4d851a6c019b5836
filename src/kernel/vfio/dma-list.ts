/** What a mapping allows a device. */
export interface DmaAccess {
  readonly read: boolean;
  readonly write: boolean;
}

/** One mapping of a user, in pages. Linux: struct vfio_dma. */
export interface VfioDma extends DmaAccess {
  readonly pfn: number;
  readonly vpfn: number;
  /** Shrinks never; grows while the mapping is made, so that a failure knows how much to take back. */
  pages: number;
}

/** Mappings of a container in order of I/O address; none overlaps another. Linux: vfio_iommu.dma_list. */
export class DmaList {
  private readonly sorted: VfioDma[] = [];

  get size(): number {
    return this.sorted.length;
  }

  /** In order of I/O address. */
  all(): readonly VfioDma[] {
    return this.sorted;
  }

  /** The lowest mapping that has a page of the range; null when none has. Linux: vfio_find_dma(). */
  firstIn(pfn: number, pages: number): VfioDma | null {
    const candidate = this.sorted[this.firstEndingAfter(pfn)];
    return candidate !== undefined && candidate.pfn < pfn + pages ? candidate : null;
  }

  insert(dma: VfioDma): void {
    this.sorted.splice(this.firstEndingAfter(dma.pfn), 0, dma);
  }

  remove(dma: VfioDma): void {
    const at = this.sorted.indexOf(dma, this.firstEndingAfter(dma.pfn));
    if (at >= 0) this.sorted.splice(at, 1);
  }

  /** Takes out a run that begins with a mapping, for those who remove many. */
  removeRun(first: VfioDma, count: number): void {
    this.sorted.splice(this.sorted.indexOf(first), count);
  }

  private firstEndingAfter(pfn: number): number {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const dma = this.sorted[middle];
      if (dma.pfn + dma.pages > pfn) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
