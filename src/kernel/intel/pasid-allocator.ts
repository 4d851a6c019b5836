/** First PASID ever given out: 0 serves requests without one. Linux: PASID_MIN. */
export const FIRST_PASID = 1;

/** The system-wide number space of PASIDs, lowest free first. Linux: ioasid_alloc(), ioasid_free(). */
export class PasidAllocator {
  private readonly used = new Set<number>();
  /** No number below this is free. */
  private lowest = FIRST_PASID;

  /** A number of the range, both ends inclusive; null when all are taken. */
  allocate(first: number, last: number): number | null {
    const pasid = this.lowestFree(first);
    if (pasid > last) return null;
    this.used.add(pasid);
    if (first <= this.lowest) this.lowest = pasid + 1;
    return pasid;
  }

  /** The number the next allocation from `first` on would get. */
  lowestFree(first: number): number {
    let pasid = Math.max(first, this.lowest);
    while (this.used.has(pasid)) pasid++;
    return pasid;
  }

  isTaken(pasid: number): boolean {
    return this.used.has(pasid);
  }

  /** Gives a number back, whoever had it; false when nobody did. */
  free(pasid: number): boolean {
    if (!this.used.delete(pasid)) return false;
    this.lowest = Math.min(this.lowest, pasid);
    return true;
  }
}
