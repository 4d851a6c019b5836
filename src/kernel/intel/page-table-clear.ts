import type { HostFrame } from '../../bits/address.js';
import { HostMemory } from '../../memory/host-memory.js';
import { type Steps, wholly } from '../steps.js';
import { PageTableFrames } from './page-table-frames.js';
import { LARGE_PAGE, PRESENT, levelPages } from './page-table-reader.js';

const NOTHING: readonly HostFrame[] = [];

/** Taking entries out of the tables. Linux: dma_pte_clear_level(), dma_pte_list_pagetables(). */
export class ClearablePageTable extends PageTableFrames {
  /** Whether a range, both ends inclusive, begins or ends inside a large page. */
  cutsLargePage(start: number, last: number): boolean {
    if (this.largePages === 0) return false;
    return (
      start % levelPages(this.leafLevel(start) || 1) !== 0 ||
      (last + 1) % levelPages(this.leafLevel(last) || 1) !== 0
    );
  }

  /**
   * Clears every entry of a range, both ends inclusive, and takes out the tables it covers wholly; those
   * are returned, still holding their contents, to be released after the flush. The range must not cut a
   * large page. Linux: dma_pte_clear_level().
   */
  clear(start: number, last: number): readonly HostFrame[] {
    return this.clearFew(start, last) ?? wholly(this.clearMany(start, last));
  }

  /** The same, giving way after each gigabyte or so. */
  *clearInSteps(start: number, last: number): Steps<readonly HostFrame[]> {
    return this.clearFew(start, last) ?? (yield* this.clearMany(start, last));
  }

  /** {@link clear} within one leaf table; null where it is not so simple. */
  private clearFew(start: number, last: number): readonly HostFrame[] | null {
    if (start === last && this.clearPage(start)) return NOTHING;
    const first = start & 511;
    if (first + (last - start) < 512 && last - start < 511) {
      const frame = this.tableFor(start, 1, false);
      if (frame >= 0) this.clearLeaves(frame, first, first + (last - start));
      if (frame >= 0 || this.largePages === 0) return NOTHING;
    }
    return null;
  }

  private *clearMany(start: number, last: number): Steps<readonly HostFrame[]> {
    const freed: HostFrame[] = [];
    yield* this.clearLevel(this.rootFrame, this.levels, 0, start, last, freed);
    if (freed.length > 0) this.recentKey = -1;
    return freed;
  }

  /** The one-page case of {@link clear}; false when there is no leaf table for it. */
  private clearPage(pfn: number): boolean {
    const frame = this.tableFor(pfn, 1, false);
    if (frame < 0) return false;
    const segment = this.memory.writableSegment(frame);
    const word = HostMemory.firstWord(frame) + (pfn & 511) * 2;
    if ((segment[word] & PRESENT) !== 0) this.mappedPages--;
    segment[word] = 0;
    segment[word + 1] = 0;
    return true;
  }

  private *clearLevel(
    frame: HostFrame,
    level: number,
    base: number,
    start: number,
    last: number,
    freed: HostFrame[],
  ): Steps<void> {
    const span = levelPages(level);
    const firstIndex = Math.max(0, Math.floor((start - base) / span));
    const lastIndex = Math.min(511, Math.floor((last - base) / span));
    if (level === 1) {
      this.clearLeaves(frame, firstIndex, lastIndex);
      return;
    }
    let segment = this.memory.segment(frame);
    let isWritable = false;
    for (let index = firstIndex; index <= lastIndex; index++) {
      const word = HostMemory.firstWord(frame) + index * 2;
      const lo = segment[word];
      if ((lo & PRESENT) === 0) continue;
      const isLarge = (lo & LARGE_PAGE) !== 0;
      const from = base + index * span;
      if (start > from || last < from + span - 1) {
        if (isLarge) throw new RangeError('the range cuts a large page');
        yield* this.clearLevel(this.nextTable(frame, index), level - 1, from, start, last, freed);
        continue;
      }
      if (isLarge) this.dropLarge(span);
      else if (level === 2) this.collect(frame, level, index, freed);
      else yield* this.collectInSteps(this.nextTable(frame, index), level - 1, freed);
      // Only now: a table nothing is cleared in stays shared with a fork.
      if (!isWritable) segment = this.memory.writableSegment(frame);
      isWritable = true;
      segment[word] = 0;
      segment[word + 1] = 0;
    }
  }

  private clearLeaves(frame: HostFrame, firstIndex: number, lastIndex: number): void {
    const segment = this.memory.writableSegment(frame);
    const first = HostMemory.firstWord(frame);
    let cleared = 0;
    for (let word = first + firstIndex * 2; word <= first + lastIndex * 2; word += 2) {
      if ((segment[word] & PRESENT) !== 0) cleared++;
      segment[word] = 0;
      segment[word + 1] = 0;
    }
    this.mappedPages -= cleared;
  }
}
