import { type SecondStageCapabilities, reservedInSecondStage } from '../../layout/second-stage.js';
import type { HostMemory } from '../../memory/host-memory.js';

/** Of an ordinary table entry, bits 0 and 1 (read and write) are set; 7 (page size) and 11 are clear. */
const TABLE_FLAGS = 0x003;
const TABLE_MASK = 0x883;
/** Places of tables in a slab, which has at most 64 MiB. */
const PLACE_MASK = 0x3fff000;
/** Upper half of a leaf whose frame number has more than 31 bits, or with a bit software may use. */
const FAR_HI = ~0x7ff;

/**
 * The second-stage walk of the usual case: tables in the memory's slab that grant reading and writing, leaves
 * of 4 KiB, no accessed bits. Each method answers, with all checks made, or returns -1 for whatever is not
 * ordinary, having done nothing; {@link SecondStageWalker} then finds out what it is.
 *
 * This is the hottest code there is. Frames it gives fit in 31 bits, so that they are plain integers, and
 * the place of a table is its byte offset in the slab. Fields begin as integers and stay so.
 */
export class StraightWalk {
  /** Low half of the leaf found last. */
  leafLo = 0;
  /** Place of the table of leaves {@link pageOf} came to. */
  leafTable = 0;
  private readonly addressLimit: number;
  protected slab: DataView;
  protected first = 0;
  /** What the halves of an ordinary table entry are, and the bits of the low one that must be so. */
  protected expectedLo = 0;
  protected expectedHi = 0;
  protected checkedLo = 0;
  protected reservedLo = 0;
  protected unusualHi = 0;

  constructor(
    protected readonly memory: HostMemory,
    capabilities: SecondStageCapabilities,
    hostAddressWidth: number,
  ) {
    const reserved = reservedInSecondStage(capabilities, hostAddressWidth, false, 1, true);
    this.reservedLo = reserved.lo | 0;
    this.unusualHi = reserved.hi | FAR_HI;
    this.addressLimit = 2 ** hostAddressWidth;
    this.slab = memory.slab;
    this.takeSlab();
  }

  /**
   * Host frame of the page an address is mapped to; {@link leafTable} is then where it was found.
   *
   * @param rootFrame table of the level given, 4 or 5; below 2^31
   * @param need permissions the access cannot do without: at least one
   */
  pageOf(rootFrame: number, levels: number, hi: number, lo: number, need: number): number {
    if (levels !== 4) return this.pageOfFive(rootFrame, levels, hi, lo, need);
    const root = this.placeOf(rootFrame);
    return root < 0 ? -1 : this.pageBelow(root & PLACE_MASK, hi, lo, need);
  }

  /** The same from the place of a table of the fourth level. */
  private pageBelow(root: number, hi: number, lo: number, need: number): number {
    const { slab, expectedLo, expectedHi, checkedLo } = this;
    let at = root | ((hi >>> 4) & 4088);
    let entry = slab.getInt32(at, true) ^ expectedLo;
    if ((entry & checkedLo) !== 0 || slab.getInt32(at | 4, true) !== expectedHi) return -1;

    at = (entry & PLACE_MASK) | ((hi & 127) << 5) | ((lo >>> 27) & 24);
    entry = slab.getInt32(at, true) ^ expectedLo;
    if ((entry & checkedLo) !== 0 || slab.getInt32(at | 4, true) !== expectedHi) return -1;

    at = (entry & PLACE_MASK) | ((lo >>> 18) & 4088);
    entry = slab.getInt32(at, true) ^ expectedLo;
    if ((entry & checkedLo) !== 0 || slab.getInt32(at | 4, true) !== expectedHi) return -1;
    const table = entry & PLACE_MASK;
    this.leafTable = table;
    return this.page(table, lo, need);
  }

  private pageOfFive(rootFrame: number, levels: number, hi: number, lo: number, need: number): number {
    const root = this.placeOf(rootFrame);
    if (root < 0 || levels !== 5) return -1;
    const at = root | ((hi >>> 13) & 4088);
    const entry = this.slab.getInt32(at, true) ^ this.expectedLo;
    const isOdd = (entry & this.checkedLo) !== 0 || this.slab.getInt32(at | 4, true) !== this.expectedHi;
    return isOdd ? -1 : this.pageBelow(entry & PLACE_MASK, hi, lo, need);
  }

  /**
   * Host frame of the page an address is mapped to by a table of leaves.
   *
   * @param table its place; -1 is answered by -1
   * @param need permissions the access cannot do without: at least one
   */
  page(table: number, lo: number, need: number): number {
    if (table < 0) return -1;
    const { slab } = this;
    const at = table | ((lo >>> 9) & 4088);
    const leafLo = slab.getInt32(at, true);
    const leafHi = slab.getInt32(at | 4, true);
    if (((~leafLo & need) | (leafLo & this.reservedLo) | (leafHi & this.unusualHi)) !== 0) return -1;
    this.leafLo = leafLo;
    return (leafHi << 20) | (leafLo >>> 12);
  }

  /** Place of a table, -1 when it is not in the slab; frames are below 2^31, or negative for none. */
  placeOf(frame: number): number {
    if (this.memory.slab !== this.slab) this.takeSlab();
    const at = frame ^ this.first;
    return (at & (this.checkedLo >> 12)) === 0 ? (at << 12) & PLACE_MASK : -1;
  }

  /** The frame of a table at a place. */
  frameAt(place: number): number {
    return (place >>> 12) | this.first;
  }

  protected takeSlab(): void {
    const { slab, slabFirst, slabFrames } = this.memory;
    // Tables beyond the host's address width have a reserved bit set; frames are never negative.
    const isUsable = slabFrames > 0 && (slabFirst + slabFrames) * 4096 <= this.addressLimit;
    this.slab = slab;
    this.first = isUsable ? slabFirst : -1;
    this.checkedLo = isUsable ? (-slabFrames << 12) | TABLE_MASK : -1;
    this.expectedLo = (slabFirst << 12) | TABLE_FLAGS;
    this.expectedHi = Math.floor(slabFirst / 1048576);
  }
}
