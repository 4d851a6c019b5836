import type { HostFrame } from '../../bits/address.js';
import { type U64, u64 } from '../../bits/u64.js';
import type { FrameAllocator } from '../../memory/frame-allocator.js';
import { FRAME_WORDS, HostMemory } from '../../memory/host-memory.js';
import { largestLevel, writeRun, writeWhole } from './page-run.js';
import { LARGE_PAGE, PRESENT, PageTableReader, indexAt, levelPages } from './page-table-reader.js';

/** Constants of other modules that loops use: there they would be looked up at every turn. */
const ANY: number = PRESENT;
const LARGE: number = LARGE_PAGE;
const WORDS: number = FRAME_WORDS;

const NOTHING: readonly HostFrame[] = [];
const TWO_20 = 1048576;
const TWO_31 = 2147483648;

/** An entry that was not written because another one was there. */
export interface EntryConflict {
  readonly pfn: number;
  readonly found: U64;
  readonly wanted: U64;
}

/** What one call of {@link IoPageTable.map} did. */
export interface MapReport {
  /** Leaf entries written, by level (1 to 3). */
  readonly written: [number, number, number, number];
  readonly conflicts: EntryConflict[];
  /** 4 KiB pages gone through, conflicts among them. */
  pages: number;
}

/**
 * The tables of one I/O address space, in host memory.
 *
 * First and second stage share geometry (9 bits a level, 8-byte entries, large-page bit 7, address in
 * 51:12); they differ in flag bits, which the caller supplies. Levels count from the leaves, which are
 * level 1. Frame numbers are doubles below 2^45 or 2^40; entries are handled as two 32-bit halves.
 *
 * Tables that run empty stay, as in the driver: only a range that covers a whole table frees it.
 */
export class IoPageTable extends PageTableReader {
  /** Frames in use, the root included. */
  tableFrames = 1;
  /** Mapped 4 KiB pages. */
  mappedPages = 0;
  /** Leaves above level 1. */
  largePages = 0;
  /** Leaf table used last: single-page maps in ascending order walk once in 512 times. */
  private recentKey = -1;
  private recentFrame = 0;

  /**
   * @param tableLow low half flags of an entry pointing to a table
   * @param high flags of the high half, in every entry
   */
  constructor(
    memory: HostMemory,
    private readonly frames: FrameAllocator,
    levels: number,
    private readonly tableLow: number,
    private readonly high: number,
  ) {
    super(memory, levels);
    const root = this.newTable();
    if (root < 0) throw new RangeError('no frame for a page table');
    this.rootFrame = root;
    this.tableFrames = 1;
  }

  /**
   * Writes entries for a run of pages, each as large as alignment, length and `superpageLevels` (0 to 2)
   * allow. A leaf already there stays; tables in the place of a large page go, with what lies below.
   * Returns false when a table could not be allocated; what was written until then stays.
   * Linux: __domain_mapping(), hardware_largepage_caps().
   */
  map(
    pfn: number,
    physicalPfn: number,
    pages: number,
    flags: number,
    superpageLevels: number,
    report: MapReport,
  ): boolean {
    if (pages === 1) return this.mapPage(pfn, physicalPfn, flags, report);
    while (pages > 0) {
      const level = superpageLevels === 0 ? 1 : largestLevel(pfn, physicalPfn, pages, superpageLevels);
      const span = levelPages(level);
      const index = (level === 1 ? pfn : Math.floor(pfn / span)) % 512;
      const count = Math.min(level === 1 ? pages : Math.floor(pages / span), 512 - index);
      const isWhole = level === 1 && count === 512;
      const tables = this.tableFrames;
      const frame = this.tableFor(pfn, level, true, isWhole);
      if (frame < 0) return false;
      if (isWhole && this.tableFrames > tables) this.fillNew(frame, physicalPfn, flags, report);
      else this.fill(frame, index, count, pfn, physicalPfn, level, flags, report);
      report.pages += count * span;
      pfn += count * span;
      physicalPfn += count * span;
      pages -= count * span;
    }
    return true;
  }

  /** The one-page case of {@link map}, by far the most frequent, without the arithmetic of runs. */
  private mapPage(pfn: number, physicalPfn: number, flags: number, report: MapReport): boolean {
    const frame = this.tableFor(pfn, 1, true);
    if (frame < 0) return false;
    report.pages++;
    const segment = this.memory.writableSegment(frame);
    const word = HostMemory.firstWord(frame) + (pfn & 511) * 2;
    const lo = (physicalPfn << 12) | flags;
    const hi = highOf(physicalPfn) | this.high;
    if ((segment[word] | segment[word + 1]) !== 0) {
      report.conflicts.push({ pfn, found: u64(segment[word + 1], segment[word]), wanted: u64(hi, lo) });
      return true;
    }
    segment[word] = lo;
    segment[word + 1] = hi;
    report.written[1]++;
    this.mappedPages++;
    return true;
  }

  /**
   * Whether {@link map} with the same arguments would have to write below a large page. The driver does not
   * look, takes the page's own frame for a table and overwrites what is in it.
   */
  wouldWriteIntoLargePage(pfn: number, physicalPfn: number, pages: number, superpageLevels: number): boolean {
    while (this.largePages > 0 && pages > 0) {
      const level = largestLevel(pfn, physicalPfn, pages, superpageLevels);
      if (this.leafLevel(pfn) > level) return true;
      const span = levelPages(level);
      const count = Math.min(Math.floor(pages / span), 512 - (Math.floor(pfn / span) % 512));
      pfn += count * span;
      physicalPfn += count * span;
      pages -= count * span;
    }
    return false;
  }

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
    if (start === last && this.clearPage(start)) return NOTHING;
    const first = start & 511;
    if (first + (last - start) < 512 && last - start < 511) {
      const frame = this.tableFor(start, 1, false);
      if (frame >= 0) this.clearLeaves(frame, first, first + (last - start));
      if (frame >= 0 || this.largePages === 0) return NOTHING;
    }
    const freed: HostFrame[] = [];
    this.clearLevel(this.rootFrame, this.levels, 0, start, last, freed);
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

  /** Gives back tables taken out by {@link clear}. */
  release(freed: readonly HostFrame[]): void {
    if (freed.length === 0) return;
    for (const frame of freed) this.frames.release(frame);
    this.tableFrames -= freed.length;
  }

  /** Makes the table under entry 0 the root. Linux: prepare_domain_attach_device(). */
  dropTopLevel(): void {
    const low = this.entryLow(this.rootFrame, 0);
    if ((low & PRESENT) !== 0) {
      const below = this.nextTable(this.rootFrame, 0);
      this.release([this.rootFrame]);
      this.rootFrame = below;
    }
    this.levels--;
    this.recentKey = -1;
  }

  /** Releases every table. The object is not to be used afterwards. */
  destroy(): void {
    const freed: HostFrame[] = [];
    this.collectTable(this.rootFrame, this.levels, freed);
    this.release(freed);
  }

  private newTable(clear = true): number {
    const frame = this.frames.allocate();
    if (frame === null) return -1;
    if (clear) this.memory.clearFrame(frame);
    this.tableFrames++;
    return frame;
  }

  /**
   * The table of a level that holds a page's entry; -1 when it is absent and cannot be made, or a large page is in its place.
   *
   * @param isFilled whether the caller fills all of it, so that a new one need not be cleared
   */
  private tableFor(pfn: number, target: number, make: boolean, isFilled = false): number {
    const key = target === 1 ? pfn - (pfn & 511) : -2;
    if (key === this.recentKey) return this.recentFrame;
    let frame = this.rootFrame;
    for (let level = this.levels; level > target; level--) {
      const index = indexAt(pfn, level);
      const lo = this.entryLow(frame, index);
      if ((lo & PRESENT) !== 0) {
        if ((lo & LARGE_PAGE) !== 0) return -1;
        frame = this.nextTable(frame, index);
        continue;
      }
      const below = make ? this.newTable(!isFilled || level - 1 > target) : -1;
      if (below < 0) return -1;
      const segment = this.memory.writableSegment(frame);
      const word = HostMemory.firstWord(frame) + index * 2;
      segment[word] = (below << 12) | this.tableLow;
      segment[word + 1] = Math.floor(below / TWO_20) | this.high;
      frame = below;
    }
    if (target === 1) {
      this.recentKey = key;
      this.recentFrame = frame;
    }
    return frame;
  }

  /** Takes out an entry in the place of a large page, with all below it. Linux: dma_pte_free_pagetable(). */
  private replaceBelow(frame: HostFrame, level: number, index: number): void {
    const freed: HostFrame[] = [];
    this.collect(frame, level, index, freed);
    if (freed.length > 0) this.recentKey = -1;
    this.release(freed);
  }

  /** {@link fill} of a whole leaf table that was not there before. */
  private fillNew(frame: HostFrame, physicalPfn: number, flags: number, report: MapReport): void {
    const segment = this.memory.writableSegment(frame);
    const first = HostMemory.firstWord(frame);
    // The low half carries into the high half every 4 GiB: no carry within a run.
    const inRun = Math.min(512, TWO_20 - (physicalPfn % TWO_20));
    const middle = first + inRun * 2;
    const high = highOf(physicalPfn) | this.high;
    writeWhole(segment, first, middle, (physicalPfn << 12) | flags, high);
    if (inRun < 512)
      writeWhole(segment, middle, first + WORDS, flags, highOf(physicalPfn + inRun) | this.high);
    report.written[1] += 512;
    this.mappedPages += 512;
  }

  private fill(
    frame: HostFrame,
    index: number,
    count: number,
    pfn: number,
    physicalPfn: number,
    level: number,
    flags: number,
    report: MapReport,
  ): void {
    const segment = this.memory.writableSegment(frame);
    const span = levelPages(level);
    const step = 4096 << (9 * (level - 1));
    const low = level > 1 ? flags | LARGE : flags;
    const first = HostMemory.firstWord(frame) | 0;
    let word = (first + index * 2) | 0;
    let left = count;
    while (left > 0) {
      // The low half carries into the high half every 4 GiB: no carry within a run.
      const inRun = Math.min(left, (TWO_20 - (physicalPfn % TWO_20)) / span);
      const hi = highOf(physicalPfn) | this.high;
      const lo = (physicalPfn << 12) | low;
      const from = word;
      for (const end = (word + inRun * 2) | 0; word < end;) {
        const done = (word - from) >>> 1;
        word = writeRun(segment, word, end, (lo + Math.imul(done, step)) | 0, hi, step);
        if (word === end) break;
        // An entry is there already.
        if (level > 1 && (segment[word] & LARGE) === 0) {
          this.replaceBelow(frame, level, (word - first) >>> 1);
          segment[word] = 0;
          segment[word + 1] = 0;
          continue;
        }
        const at = (word - from) >>> 1;
        report.conflicts.push({
          pfn: pfn + at * span,
          found: u64(segment[word + 1], segment[word]),
          wanted: u64(hi, (lo + Math.imul(at, step)) | 0),
        });
        report.written[level]--;
        this.mappedPages -= span;
        if (level > 1) this.largePages--;
        word += 2;
      }
      report.written[level] += inRun;
      this.mappedPages += inRun * span;
      if (level > 1) this.largePages += inRun;
      pfn += inRun * span;
      physicalPfn += inRun * span;
      left -= inRun;
    }
  }

  private clearLevel(
    frame: HostFrame,
    level: number,
    base: number,
    start: number,
    last: number,
    freed: HostFrame[],
  ): void {
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
        this.clearLevel(this.nextTable(frame, index), level - 1, from, start, last, freed);
        continue;
      }
      if (isLarge) this.dropLarge(span);
      else this.collect(frame, level, index, freed);
      // Only now: a table nothing is cleared in stays shared with a fork.
      if (!isWritable) segment = this.memory.writableSegment(frame);
      isWritable = true;
      segment[word] = 0;
      segment[word + 1] = 0;
    }
  }

  private dropLarge(span: number): void {
    this.mappedPages -= span;
    this.largePages--;
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

  /** Lists the tables below an entry and takes their pages off the count. */
  private collect(frame: HostFrame, level: number, index: number, freed: HostFrame[]): void {
    const lo = this.entryLow(frame, index);
    if ((lo & PRESENT) === 0) return;
    if (level > 1 && (lo & LARGE_PAGE) !== 0) this.dropLarge(levelPages(level));
    else if (level > 1) this.collectTable(this.nextTable(frame, index), level - 1, freed);
    else this.mappedPages--;
  }

  /** Lists a table and all below it, without clearing any. */
  private collectTable(frame: HostFrame, level: number, freed: HostFrame[]): void {
    freed.push(frame);
    const segment = this.memory.segment(frame);
    const first = HostMemory.firstWord(frame) | 0;
    const end = (first + WORDS) | 0;
    const leafBits = level === 1 ? 0 : LARGE;
    let leaves = 0;
    for (let word = first; word < end; word += 2) {
      const bits = segment[word] & (ANY | leafBits);
      if (bits > leafBits) leaves++;
      else if ((bits & ANY) !== 0)
        this.collectTable(this.nextTable(frame, (word - first) >>> 1), level - 1, freed);
    }
    this.mappedPages -= leaves * levelPages(level);
    if (level > 1) this.largePages -= leaves;
  }
}

/** What of a frame number goes into the high half of an entry. */
function highOf(frame: number): number {
  return frame < TWO_31 ? frame >>> 20 : Math.floor(frame / TWO_20);
}
