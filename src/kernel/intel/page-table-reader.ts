import type { HostFrame } from '../../bits/address.js';
import { HostMemory } from '../../memory/host-memory.js';

/** Either bit makes an entry present, in both formats. Linux: dma_pte_present(). */
export const PRESENT = 3;
/** The entry is a leaf above level 1. Linux: DMA_PTE_LARGE_PAGE. */
export const LARGE_PAGE = 0x80;
const TWO_20 = 1048576;
const TWO_27 = 134217728;
const PAGES = [0, 1, 2 ** 9, 2 ** 18, 2 ** 27, 2 ** 36, 2 ** 45];

/** 4 KiB pages one entry of a level spans. */
export function levelPages(level: number): number {
  return PAGES[level];
}

/** A leaf as stored. */
export interface Leaf {
  readonly pfn: number;
  readonly physicalPfn: number;
  readonly pages: number;
  /** Low 12 bits of the entry. */
  readonly flags: number;
}

type LeafVisitor = (pfn: number, physicalPfn: number, pages: number) => void;

/** The reading half of an I/O address space's tables; see {@link IoPageTable} for the format. */
export class PageTableReader {
  rootFrame: HostFrame = 0;

  constructor(
    protected readonly memory: HostMemory,
    public levels: number,
  ) {}

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

  /** Tells of each of {@link leaves} in turn, without an object for it: for those who look at millions. */
  visitLeaves(from: number, to: number, visit: LeafVisitor): void {
    this.visitBelow(this.rootFrame, this.levels, 0, from, to, visit);
  }

  private visitBelow(
    frame: HostFrame,
    level: number,
    base: number,
    from: number,
    to: number,
    visit: LeafVisitor,
  ): void {
    const span = levelPages(level);
    const first = Math.max(0, Math.floor((from - base) / span));
    const last = Math.min(511, Math.floor((to - base) / span));
    const segment = this.memory.segment(frame);
    const start = HostMemory.firstWord(frame);
    for (let index = first; index <= last; index++) {
      const lo = segment[start + index * 2];
      if ((lo & PRESENT) === 0) continue;
      const pfn = base + index * span;
      const next = (segment[start + index * 2 + 1] & 0xfffff) * TWO_20 + (lo >>> 12);
      if (level > 1 && (lo & LARGE_PAGE) === 0) this.visitBelow(next, level - 1, pfn, from, to, visit);
      else visit(pfn, next, span);
    }
  }

  protected entryLow(frame: HostFrame, index: number): number {
    return this.memory.segment(frame)[HostMemory.firstWord(frame) + index * 2];
  }

  /** The frame an entry points to. */
  protected nextTable(frame: HostFrame, index: number): number {
    const segment = this.memory.segment(frame);
    const word = HostMemory.firstWord(frame) + index * 2;
    return (segment[word + 1] & 0xfffff) * TWO_20 + (segment[word] >>> 12);
  }
}

/** Index of a page's entry in the table of a level. */
export function indexAt(pfn: number, level: number): number {
  if (level <= 3) return ((pfn % TWO_27) >>> (9 * (level - 1))) & 511;
  return (Math.floor(pfn / TWO_27) >>> (9 * (level - 4))) & 511;
}
