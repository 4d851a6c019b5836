/** Pages of I/O addresses that are taken; only what was mapped is unmapped again. */
export interface TakenRange {
  readonly pfn: number;
  /** Mapped pages; a little more can be kept free of others. */
  readonly pages: number;
  readonly kept: number;
}

/** Below this many pages a range is rounded up to a power of two, so that it can be given to the next one who asks. Linux: IOVA_RANGE_CACHE_MAX_SIZE. */
const CACHED_PAGES = 32;

/**
 * The I/O addresses of a domain, handed out from the top down, at a multiple of their size. Ranges given
 * back are found by that search again, and not, as in the kernel, handed to the next request of their size
 * first. Linux: struct iova_domain, alloc_iova().
 */
export class IovaSpace {
  /** Highest first. */
  private readonly taken: TakenRange[] = [];

  /** @param endPfn first page that may not be given; null when there is no room below it */
  allocate(pages: number, endPfn: number): number | null {
    const aligned = 2 ** Math.ceil(Math.log2(pages));
    const kept = pages < CACHED_PAGES ? aligned : pages;
    let end = endPfn;
    for (const [index, range] of this.taken.entries()) {
      const pfn = fit(kept, aligned, end);
      if (pfn >= range.pfn + range.kept) return this.take(index, { pfn, pages, kept });
      end = Math.min(end, range.pfn);
    }
    // Page 0 is never given: address 0 would look like none.
    const pfn = fit(kept, aligned, end);
    return pfn < 1 ? null : this.take(this.taken.length, { pfn, pages, kept });
  }

  /** Keeps a range from being given to anybody. */
  reserve(pfn: number, pages: number): void {
    const at = this.taken.findIndex((range) => range.pfn < pfn);
    this.take(at < 0 ? this.taken.length : at, { pfn, pages: 0, kept: pages });
  }

  /** The mapped range that begins at a page. */
  find(pfn: number): TakenRange | null {
    return this.taken.find((range) => range.pfn === pfn && range.pages > 0) ?? null;
  }

  release(pfn: number): void {
    const at = this.taken.findIndex((range) => range.pfn === pfn);
    if (at >= 0) this.taken.splice(at, 1);
  }

  private take(index: number, range: TakenRange): number {
    this.taken.splice(index, 0, range);
    return range.pfn;
  }
}

function fit(pages: number, aligned: number, end: number): number {
  return Math.floor((end - pages) / aligned) * aligned;
}
