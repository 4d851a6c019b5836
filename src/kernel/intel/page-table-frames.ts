import type { HostFrame } from '../../bits/address.js';
import type { FrameAllocator } from '../../memory/frame-allocator.js';
import { FRAME_WORDS, HostMemory } from '../../memory/host-memory.js';
import type { Steps } from '../steps.js';
import { LARGE_PAGE, PRESENT, PageTableReader, indexAt, levelPages } from './page-table-reader.js';

/** Constants of other modules that loops use: there they would be looked up at every turn. */
const ANY: number = PRESENT;
const LARGE: number = LARGE_PAGE;
const WORDS: number = FRAME_WORDS;
const TWO_20 = 1048576;

/** The tables themselves: which frames they are in, where a page's entry is, and how many pages there are. */
export class PageTableFrames extends PageTableReader {
  /** Frames in use, the root included. */
  tableFrames = 1;
  /** Mapped 4 KiB pages. */
  mappedPages = 0;
  /** Leaves above level 1. */
  largePages = 0;
  /** Leaf table used last: single-page maps in ascending order walk once in 512 times. */
  protected recentKey = -1;
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
    protected readonly high: number,
  ) {
    super(memory, levels);
    const root = this.newTable();
    if (root < 0) throw new RangeError('no frame for a page table');
    this.rootFrame = root;
    this.tableFrames = 1;
  }

  /** Gives back tables taken out by `clear`. */
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
  *destroy(): Steps<void> {
    const freed: HostFrame[] = [];
    yield* this.collectInSteps(this.rootFrame, this.levels, freed);
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
  protected tableFor(pfn: number, target: number, make: boolean, isFilled = false): number {
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

  protected dropLarge(span: number): void {
    this.mappedPages -= span;
    this.largePages--;
  }

  /** Lists the tables below an entry and takes their pages off the count. */
  protected collect(frame: HostFrame, level: number, index: number, freed: HostFrame[]): void {
    const lo = this.entryLow(frame, index);
    if ((lo & PRESENT) === 0) return;
    if (level > 1 && (lo & LARGE_PAGE) !== 0) this.dropLarge(levelPages(level));
    else if (level > 1) this.collectTable(this.nextTable(frame, index), level - 1, freed);
    else this.mappedPages--;
  }

  /** {@link collectTable}, giving way after each gigabyte. */
  protected *collectInSteps(frame: HostFrame, level: number, freed: HostFrame[]): Steps<void> {
    if (level <= 2) {
      this.collectTable(frame, level, freed);
      yield;
      return;
    }
    freed.push(frame);
    for (const below of this.tablesBelow(frame, level)) yield* this.collectInSteps(below, level - 1, freed);
  }

  /** Lists a table and all below it, without clearing any. */
  private collectTable(frame: HostFrame, level: number, freed: HostFrame[]): void {
    freed.push(frame);
    for (const below of this.tablesBelow(frame, level)) this.collectTable(below, level - 1, freed);
  }

  /** Tables a table leads to; its own pages are taken off the count. */
  private tablesBelow(frame: HostFrame, level: number): readonly HostFrame[] {
    const below: HostFrame[] = [];
    const segment = this.memory.segment(frame);
    const first = HostMemory.firstWord(frame) | 0;
    const end = (first + WORDS) | 0;
    const leafBits = level === 1 ? 0 : LARGE;
    let leaves = 0;
    for (let word = first; word < end; word += 2) {
      const bits = segment[word] & (ANY | leafBits);
      if (bits > leafBits) leaves++;
      else if ((bits & ANY) !== 0) below.push(this.nextTable(frame, (word - first) >>> 1));
    }
    this.mappedPages -= leaves * levelPages(level);
    if (level > 1) this.largePages -= leaves;
    return below;
  }
}
