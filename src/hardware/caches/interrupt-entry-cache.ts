import type { U64 } from '../../bits/u64.js';

/** Entries kept; the oldest goes when one more arrives. */
const CAPACITY = 512;

/** Cached interrupt remapping table entries, by index. Spec: VT-d 6.2.6 "Interrupt Entry Cache". */
export class InterruptEntryCache {
  private readonly byIndex = new Map<number, readonly [U64, U64]>();

  lookup(index: number): readonly [U64, U64] | null {
    return this.byIndex.get(index) ?? null;
  }

  insert(index: number, words: readonly [U64, U64]): void {
    this.byIndex.delete(index);
    if (this.byIndex.size >= CAPACITY) this.byIndex.delete(this.byIndex.keys().next().value as number);
    this.byIndex.set(index, words);
  }

  invalidateAll(): number {
    const dropped = this.byIndex.size;
    this.byIndex.clear();
    return dropped;
  }

  /** Indices `index`..`index + 2^maskLg2 - 1`; low bits of `index` inside the mask are ignored. */
  invalidateIndices(index: number, maskLg2: number): number {
    const count = 2 ** maskLg2;
    const first = index - (index % count);
    let dropped = 0;
    for (const cached of this.byIndex.keys()) {
      if (cached >= first && cached < first + count && this.byIndex.delete(cached)) dropped++;
    }
    return dropped;
  }

  entries(): Iterable<readonly [number, readonly [U64, U64]]> {
    return this.byIndex.entries();
  }
}
