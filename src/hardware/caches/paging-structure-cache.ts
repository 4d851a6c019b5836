import { u64 } from '../../bits/u64.js';
import { type CacheEntry, overlapsRange } from './cache-entry.js';

const SLOTS = 512;
const STRIDE = 8;
const VALID = 1 << 27;
const FIRST_STAGE = 1 << 28;
const HAS_PASID = 1 << 20;
const PERMISSIONS_SHIFT = 8;
/** Low half of the word with permissions: reading and writing, and a frame below 2^32. */
const ORDINARY = 3 << PERMISSIONS_SHIFT;
/** Frames below one entry of level 2: what a cached table answers for. */
const FRAMES_LG2 = 9;

/** The request a walk was for. Halves of its address are 32-bit integers, signed or not. */
export interface StructureTags {
  readonly sourceId: number;
  /** As in the IOTLB. */
  readonly requestTag: number;
  readonly pasid: number;
  readonly domainId: number;
  readonly hi: number;
  readonly lo: number;
}

/**
 * Where walks found the tables that hold leaves, one for every 2 MiB of input address, with the
 * permissions gathered on the way. Spec: VT-d 6.2.5 "Paging-structure Caches".
 *
 * The specification lets a unit cache any level or none; this one keeps the last step, which saves most.
 * Entries also carry the source id, so that two functions never share one. Direct-mapped, 512 slots of 8
 * words: address bits 52:21; address bits 63:53 and source id; request tag, valid and stage; frame low;
 * frame high, permissions and domain id; PASID for invalidation.
 */
export class PagingStructureCache {
  readonly words = new Int32Array(SLOTS * STRIDE);
  private held = 0;

  /** Index of the slot that knows the table of leaves for an address, -1 when none does. */
  find(sourceId: number, requestTag: number, isFirstStage: boolean, hi: number, lo: number): number {
    if (this.held === 0) return -1;
    const words = this.words;
    const number = (lo >>> 21) | (hi << 11);
    const at = slotOf(number, sourceId, requestTag);
    return words[at] === number &&
      words[at + 1] === ((hi >>> 21) | (sourceId << 11)) &&
      words[at + 2] === tagOf(requestTag, isFirstStage)
      ? at
      : -1;
  }

  /**
   * @param frame host frame of the table of leaves
   * @param permissions gathered above it, in the walker's own encoding (4 bits)
   */
  insert(tags: StructureTags, isFirstStage: boolean, frame: number, permissions: number): void {
    const { sourceId, requestTag, pasid, domainId, hi, lo } = tags;
    const high = Math.floor(frame / 2 ** 32) | (permissions << PERMISSIONS_SHIFT) | (domainId << 16);
    this.put(sourceId, requestTag, isFirstStage, pasid, hi, lo, frame | 0, high);
  }

  /**
   * The same for a second-stage table that all above grant everything.
   *
   * @param frame below 2^31
   */
  insertOrdinary(
    sourceId: number,
    requestTag: number,
    pasid: number,
    domainId: number,
    hi: number,
    lo: number,
    frame: number,
  ): void {
    this.put(sourceId, requestTag, false, pasid, hi, lo, frame, ORDINARY | (domainId << 16));
  }

  /** Frame of such a table for an address; -1 when nothing is known of it, -2 when it is another table. */
  findOrdinary(sourceId: number, requestTag: number, hi: number, lo: number): number {
    const { words } = this;
    const number = (lo >>> 21) | (hi << 11);
    const at = ((number ^ (sourceId >>> 3) ^ requestTag) & (SLOTS - 1)) * STRIDE;
    if (words[at] !== number || words[at + 2] !== (requestTag | VALID)) return -1;
    if (words[at + 1] !== ((hi >>> 21) | (sourceId << 11))) return -1;
    return (words[at + 4] & 0xffff) === ORDINARY && words[at + 3] >= 0 ? words[at + 3] : -2;
  }

  frameAt(at: number): number {
    return (this.words[at + 4] & 0xff) * 2 ** 32 + (this.words[at + 3] >>> 0);
  }

  permissionsAt(at: number): number {
    return (this.words[at + 4] >>> PERMISSIONS_SHIFT) & 15;
  }

  invalidateAll(): number {
    return this.drop(() => true);
  }

  invalidateDomain(domainId: number): number {
    return this.drop((at) => this.domainAt(at) === domainId);
  }

  /** @param keepStructure IH: only leaf entries changed, so what is cached here still holds */
  invalidatePages(domainId: number, pfn: number, addressMask: number, keepStructure: boolean): number {
    if (keepStructure) return 0;
    return this.drop(
      (at) =>
        this.domainAt(at) === domainId && (this.isFirstStage(at) || this.overlaps(at, pfn, addressMask)),
    );
  }

  invalidatePasid(domainId: number, pasid: number): number {
    return this.drop((at) => this.domainAt(at) === domainId && this.words[at + 5] === pasid);
  }

  invalidatePasidPages(
    domainId: number,
    pasid: number,
    pfn: number,
    addressMask: number,
    keepStructure: boolean,
  ): number {
    if (keepStructure) return 0;
    return this.drop(
      (at) =>
        this.domainAt(at) === domainId &&
        this.words[at + 5] === pasid &&
        this.isFirstStage(at) &&
        this.overlaps(at, pfn, addressMask),
    );
  }

  *entries(): Generator<CacheEntry> {
    for (let at = 0; at < this.words.length; at += STRIDE) {
      const tag = this.words[at + 2];
      if ((tag & VALID) === 0) continue;
      const number = this.words[at];
      yield {
        kind: 'PAGING_STRUCTURE',
        sourceId: (this.words[at + 1] >>> 11) & 0xffff,
        domainId: this.domainAt(at),
        pasid: (tag & HAS_PASID) === 0 ? null : tag & 0xfffff,
        address: u64((number >>> 11) | ((this.words[at + 1] & 0x7ff) << 21), number << 21),
        pageSize: 2 ** (FRAMES_LG2 + 12),
        target: this.frameAt(at) * 4096,
        access: null,
        words: [],
        reason: 0,
      };
    }
  }

  private put(
    sourceId: number,
    requestTag: number,
    isFirstStage: boolean,
    pasid: number,
    hi: number,
    lo: number,
    frameLow: number,
    high: number,
  ): void {
    const { words } = this;
    const number = (lo >>> 21) | (hi << 11);
    const at = slotOf(number, sourceId, requestTag);
    if ((words[at + 2] & VALID) === 0) this.held++;
    words[at] = number;
    words[at + 1] = (hi >>> 21) | (sourceId << 11);
    words[at + 2] = tagOf(requestTag, isFirstStage);
    words[at + 3] = frameLow;
    words[at + 4] = high;
    words[at + 5] = pasid;
  }

  private domainAt(at: number): number {
    return this.words[at + 4] >>> 16;
  }

  private isFirstStage(at: number): boolean {
    return (this.words[at + 2] & FIRST_STAGE) !== 0;
  }

  private overlaps(at: number, pfn: number, addressMask: number): boolean {
    const first = ((this.words[at + 1] & 0x7ff) * 2 ** 32 + (this.words[at] >>> 0)) * 2 ** FRAMES_LG2;
    return overlapsRange(first, 2 ** FRAMES_LG2, pfn, addressMask);
  }

  private drop(matches: (at: number) => boolean): number {
    if (this.held === 0) return 0;
    let dropped = 0;
    for (let at = 0; at < this.words.length; at += STRIDE) {
      if ((this.words[at + 2] & VALID) === 0 || !matches(at)) continue;
      this.words[at + 2] = 0;
      dropped++;
    }
    this.held -= dropped;
    return dropped;
  }
}

function slotOf(number: number, sourceId: number, requestTag: number): number {
  return ((number ^ (sourceId >>> 3) ^ requestTag) & (SLOTS - 1)) * STRIDE;
}

/** The stage is part of the tag: a PASID that changed its PGTT must not read one stage's tables as the other's. */
function tagOf(requestTag: number, isFirstStage: boolean): number {
  return requestTag | VALID | (isFirstStage ? FIRST_STAGE : 0);
}
