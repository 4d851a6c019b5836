/** What a mapping allows a device. */
export interface DmaAccess {
  readonly read: boolean;
  readonly write: boolean;
}

/** One mapping of a user, in pages. Linux: struct vfio_dma. */
export interface VfioDma extends DmaAccess {
  readonly pfn: number;
  readonly vpfn: number;
  /** Its address stands; false from when the process takes it until it gives another. */
  readonly vaddrValid: boolean;
  /** Shrinks never; grows while the mapping is made, so that a failure knows how much to take back. */
  pages: number;
}

/** Mappings of a container in order of I/O address; none overlaps another. Linux: vfio_iommu.dma_list. */
export class DmaList {
  private readonly sorted: VfioDma[] = [];
  private total = 0;

  get size(): number {
    return this.sorted.length;
  }

  /** Pages of all mappings together. */
  get pages(): number {
    return this.total;
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
    this.total += dma.pages;
  }

  remove(dma: VfioDma): void {
    const at = this.sorted.indexOf(dma, this.firstEndingAfter(dma.pfn));
    if (at < 0) return;
    this.sorted.splice(at, 1);
    this.total -= dma.pages;
  }

  /** Puts another in the place of one with the same range. */
  replace(old: VfioDma, next: VfioDma): void {
    this.sorted[this.sorted.indexOf(old, this.firstEndingAfter(old.pfn))] = next;
  }

  /** Takes out a run that begins with a mapping, for those who remove many. */
  removeRun(first: VfioDma, count: number): void {
    const gone = this.sorted.splice(this.sorted.indexOf(first), count);
    for (const { pages } of gone) this.total -= pages;
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
