import type { HostFrame } from '../../bits/address.js';
import { type U64, u64 } from '../../bits/u64.js';
import type { FrameAllocator } from '../../memory/frame-allocator.js';
import { HostMemory } from '../../memory/host-memory.js';

/** Either bit makes an entry present, in both formats. Linux: dma_pte_present(). */
const PRESENT = 3;
/** The entry is a leaf above level 1. Linux: DMA_PTE_LARGE_PAGE. */
const LARGE_PAGE = 0x80;
const TWO_20 = 1048576;
const TWO_27 = 134217728;

/** 4 KiB pages one entry of a level spans. */
export function levelPages(level: number): number {
  return 2 ** (9 * (level - 1));
}

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
}

/** A leaf as stored. */
export interface Leaf {
  readonly pfn: number;
  readonly physicalPfn: number;
  readonly pages: number;
  /** Low 12 bits of the entry. */
  readonly flags: number;
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
export class IoPageTable {
  rootFrame: HostFrame;
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
    private readonly memory: HostMemory,
    private readonly frames: FrameAllocator,
    public levels: number,
    private readonly tableLow: number,
    private readonly high: number,
  ) {
    const root = this.newTable();
    if (root < 0) throw new RangeError('no frame for a page table');
    this.rootFrame = root;
    this.tableFrames = 1;
  }

  /**
   * Writes entries for a run of pages, each as large as alignment, length and `superpageLevels` (0 to 2)
   * allow. An entry already there stays, except where a large page replaces what lies below it.
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
    while (pages > 0) {
      const level = superpageLevels === 0 ? 1 : largestLevel(pfn, physicalPfn, pages, superpageLevels);
      const frame = this.tableFor(pfn, level, true);
      if (frame < 0) return false;
      const span = levelPages(level);
      const index = (level === 1 ? pfn : Math.floor(pfn / span)) % 512;
      const count = Math.min(level === 1 ? pages : Math.floor(pages / span), 512 - index);
      if (level > 1) this.replaceBelow(frame, level, index, count);
      this.fill(frame, index, count, pfn, physicalPfn, level, flags, report);
      pfn += count * span;
      physicalPfn += count * span;
      pages -= count * span;
    }
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

  /** Level at which the walk for a page ends: at a leaf, or at the first absent entry. Linux: pfn_to_dma_pte(). */
  stopLevel(pfn: number): number {
    let frame = this.rootFrame;
    for (let level = this.levels; ; level--) {
      const lo = this.entryLow(frame, indexAt(pfn, level));
      if (level === 1 || (lo & PRESENT) === 0 || (lo & LARGE_PAGE) !== 0) return level;
      frame = this.nextTable(frame, indexAt(pfn, level));
    }
  }

  /** Level of the present leaf holding a page; 0 when there is none. */
  leafLevel(pfn: number): number {
    let frame = this.rootFrame;
    for (let level = this.levels; ; level--) {
      const lo = this.entryLow(frame, indexAt(pfn, level));
      if ((lo & PRESENT) === 0) return 0;
      if (level === 1 || (lo & LARGE_PAGE) !== 0) return level;
      frame = this.nextTable(frame, indexAt(pfn, level));
    }
  }

  /** Frame a page is mapped to; -1 when it is not. Linux: intel_iommu_iova_to_phys(). */
  translate(pfn: number): number {
    let frame = this.rootFrame;
    for (let level = this.levels; ; level--) {
      const index = indexAt(pfn, level);
      const lo = this.entryLow(frame, index);
      if ((lo & PRESENT) === 0) return -1;
      if (level === 1) return this.nextTable(frame, index);
      if ((lo & LARGE_PAGE) !== 0) return this.nextTable(frame, index) + (pfn % levelPages(level));
      frame = this.nextTable(frame, index);
    }
  }

  /**
   * Clears every entry of a range, both ends inclusive, and takes out the tables it covers wholly; those
   * are returned, still holding their contents, to be released after the flush. The range must not cut a
   * large page. Linux: dma_pte_clear_level().
   */
  clear(start: number, last: number): HostFrame[] {
    const freed: HostFrame[] = [];
    this.clearLevel(this.rootFrame, this.levels, 0, start, last, freed);
    if (freed.length > 0) this.recentKey = -1;
    return freed;
  }

  /** Gives back tables taken out by {@link clear}. */
  release(freed: readonly HostFrame[]): void {
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
    const freed: HostFrame[] = [this.rootFrame];
    for (let index = 0; index < 512; index++) this.collect(this.rootFrame, this.levels, index, freed);
    this.release(freed);
  }

  /** Leaves of a range in order, both ends inclusive; a leaf that begins before `from` is included. */
  *leaves(from: number, to: number): Generator<Leaf> {
    yield* this.leavesBelow(this.rootFrame, this.levels, 0, from, to);
  }

  private *leavesBelow(
    frame: HostFrame,
    level: number,
    base: number,
    from: number,
    to: number,
  ): Generator<Leaf> {
    const span = levelPages(level);
    const first = Math.max(0, Math.floor((from - base) / span));
    const last = Math.min(511, Math.floor((to - base) / span));
    for (let index = first; index <= last; index++) {
      const lo = this.entryLow(frame, index);
      if ((lo & PRESENT) === 0) continue;
      const pfn = base + index * span;
      const next = this.nextTable(frame, index);
      if (level > 1 && (lo & LARGE_PAGE) === 0) yield* this.leavesBelow(next, level - 1, pfn, from, to);
      else yield { pfn, physicalPfn: next, pages: span, flags: lo & 0xfff };
    }
  }

  private entryLow(frame: HostFrame, index: number): number {
    return this.memory.segment(frame)[HostMemory.firstWord(frame) + index * 2];
  }

  /** The frame an entry points to. */
  private nextTable(frame: HostFrame, index: number): number {
    const segment = this.memory.segment(frame);
    const word = HostMemory.firstWord(frame) + index * 2;
    return (segment[word + 1] & 0xfffff) * TWO_20 + (segment[word] >>> 12);
  }

  private newTable(): number {
    const frame = this.frames.allocate();
    if (frame === null) return -1;
    this.memory.clearFrame(frame);
    this.tableFrames++;
    return frame;
  }

  /** The table of a level that holds a page's entry; -1 when it is absent and cannot be made. */
  private tableFor(pfn: number, target: number, make: boolean): number {
    const key = target === 1 ? Math.floor(pfn / 512) : -2;
    if (key === this.recentKey) return this.recentFrame;
    let frame = this.rootFrame;
    for (let level = this.levels; level > target; level--) {
      const index = indexAt(pfn, level);
      if ((this.entryLow(frame, index) & PRESENT) !== 0) {
        frame = this.nextTable(frame, index);
        continue;
      }
      const below = make ? this.newTable() : -1;
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

  /** Empties entries that large pages are about to take, with all below them. Linux: dma_pte_free_pagetable(). */
  private replaceBelow(frame: HostFrame, level: number, index: number, count: number): void {
    const freed: HostFrame[] = [];
    for (let at = index; at < index + count; at++) this.takeOut(frame, level, at, freed);
    if (freed.length > 0) this.recentKey = -1;
    this.release(freed);
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
    const low = level > 1 ? flags | LARGE_PAGE : flags;
    let word = HostMemory.firstWord(frame) + index * 2;
    let left = count;
    while (left > 0) {
      // The low half carries into the high half every 4 GiB: no carry within a run.
      const inRun = Math.min(left, (TWO_20 - (physicalPfn % TWO_20)) / span);
      const hi = Math.floor(physicalPfn / TWO_20) | this.high;
      let lo = (physicalPfn << 12) | low;
      for (const end = word + inRun * 2; word < end; word += 2) {
        if ((segment[word] | segment[word + 1]) === 0) {
          segment[word] = lo;
          segment[word + 1] = hi;
        } else {
          report.conflicts.push({
            pfn: pfn + ((word - (end - inRun * 2)) / 2) * span,
            found: u64(segment[word + 1], segment[word]),
            wanted: u64(hi, lo),
          });
          report.written[level]--;
          this.mappedPages -= span;
        }
        lo = (lo + step) | 0;
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
    for (let index = firstIndex; index <= lastIndex; index++) {
      const lo = this.entryLow(frame, index);
      if ((lo & PRESENT) === 0) continue;
      const from = base + index * span;
      if (start <= from && last >= from + span - 1) this.takeOut(frame, level, index, freed);
      else if ((lo & LARGE_PAGE) !== 0) throw new RangeError('the range cuts a large page');
      else this.clearLevel(this.nextTable(frame, index), level - 1, from, start, last, freed);
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

  /** Clears one entry of an upper level; the tables below it are not cleared but listed as freed. */
  private takeOut(frame: HostFrame, level: number, index: number, freed: HostFrame[]): void {
    this.collect(frame, level, index, freed);
    const segment = this.memory.writableSegment(frame);
    const word = HostMemory.firstWord(frame) + index * 2;
    segment[word] = 0;
    segment[word + 1] = 0;
  }

  private countLeaves(frame: HostFrame): number {
    const segment = this.memory.segment(frame);
    const first = HostMemory.firstWord(frame);
    let present = 0;
    for (let word = first; word < first + 1024; word += 2) if ((segment[word] & PRESENT) !== 0) present++;
    return present;
  }

  /** Lists the tables below an entry and takes their pages off the count. */
  private collect(frame: HostFrame, level: number, index: number, freed: HostFrame[]): void {
    const lo = this.entryLow(frame, index);
    if ((lo & PRESENT) === 0) return;
    if (level === 1 || (lo & LARGE_PAGE) !== 0) {
      this.mappedPages -= levelPages(level);
      if (level > 1) this.largePages--;
      return;
    }
    const below = this.nextTable(frame, index);
    freed.push(below);
    if (level === 2) this.mappedPages -= this.countLeaves(below);
    else for (let at = 0; at < 512; at++) this.collect(below, level - 1, at, freed);
  }
}

function indexAt(pfn: number, level: number): number {
  if (level <= 3) return ((pfn % TWO_27) >>> (9 * (level - 1))) & 511;
  return (Math.floor(pfn / TWO_27) >>> (9 * (level - 4))) & 511;
}

/** Linux: hardware_largepage_caps(). */
function largestLevel(pfn: number, physicalPfn: number, pages: number, superpageLevels: number): number {
  let level = 1;
  for (let span = 512; level <= superpageLevels; span *= 512) {
    if (pages < span || pfn % span !== 0 || physicalPfn % span !== 0) break;
    level++;
  }
  return level;
}
