/** Linux: INTR_REMAP_TABLE_ENTRIES. */
const ENTRIES = 65536;

/** Which entries of one interrupt remapping table are given out. Linux: ir_table.bitmap. */
export class InterruptSlots {
  private readonly taken = new Set<number>();

  /** First index of the lowest free aligned block of 2^order entries; null when there is none. */
  allocate(order: number): number | null {
    const size = 2 ** order;
    for (let first = 0; first < ENTRIES; first += size) {
      if (this.isTaken(first, size)) continue;
      for (let index = first; index < first + size; index++) this.taken.add(index);
      return first;
    }
    return null;
  }

  free(first: number, order: number): void {
    for (let index = first; index < first + 2 ** order; index++) this.taken.delete(index);
  }

  private isTaken(first: number, size: number): boolean {
    for (let index = first; index < first + size; index++) if (this.taken.has(index)) return true;
    return false;
  }
}
