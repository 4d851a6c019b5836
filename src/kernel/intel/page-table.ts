import type { HostFrame } from '../../bits/address.js';
import { type U64, u64 } from '../../bits/u64.js';
import { FRAME_WORDS, HostMemory } from '../../memory/host-memory.js';
import { largestLevel, writeRun, writeWhole } from './page-run.js';
import { ClearablePageTable } from './page-table-clear.js';
import { LARGE_PAGE, levelPages } from './page-table-reader.js';

/** Constants of other modules that loops use: there they would be looked up at every turn. */
const LARGE: number = LARGE_PAGE;
const WORDS: number = FRAME_WORDS;

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
export class IoPageTable extends ClearablePageTable {
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
}

/** What of a frame number goes into the high half of an entry. */
function highOf(frame: number): number {
  return frame < TWO_31 ? frame >>> 20 : Math.floor(frame / TWO_20);
}
