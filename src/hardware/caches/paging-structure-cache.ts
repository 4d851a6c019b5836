import { u64 } from '../../bits/u64.js';
import { type CacheEntry, overlapsRange } from './cache-entry.js';

const SLOTS = 2048;
const STRIDE = 8;
const VALID = 1 << 27;
const FIRST_STAGE = 1 << 28;
const HAS_PASID = 1 << 20;
const PERMISSIONS_SHIFT = 8;
const DOMAIN_SHIFT = 16;
/** After the slots, how many are taken. */
const HELD = SLOTS * STRIDE;
/** A second-stage table that all above it grant reading and writing, at a frame below 2^31. */
const ORDINARY = 1 << 29;
/** Frames below one entry of level 2: what a cached table answers for. */
const FRAMES_LG2 = 9;

/** What the hot path knows of the words: it looks for ordinary tables by itself. */
export const STRUCTURE_LAYOUT = { SLOTS, STRIDE, HELD, VALID, ORDINARY } as const;

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
 * Entries also carry the source id, so that two functions never share one. Direct-mapped, 2048 slots (4 GiB) of 8
 * words: address bits 52:21; address bits 63:53 and source id; request tag, valid and stage; frame low;
 * frame high, permissions and domain id; PASID for invalidation.
 */
export class PagingStructureCache {
  readonly words = new Int32Array(HELD + 1);

  /** The fifth word of a slot with an ordinary table. */
  static ordinaryWord(domainId: number): number {
    return (3 << PERMISSIONS_SHIFT) | (domainId << DOMAIN_SHIFT);
  }

  /** Index of the slot that knows the table of leaves for an address, -1 when none does. */
  find(sourceId: number, requestTag: number, isFirstStage: boolean, hi: number, lo: number): number {
    const { words } = this;
    const number = (lo >>> 21) | (hi << 11);
    const at = slotOf(number, sourceId, requestTag);
    return words[at] === number &&
      words[at + 1] === ((hi >>> 21) | (sourceId << 11)) &&
      (words[at + 2] & ~ORDINARY) === tagOf(requestTag, isFirstStage)
      ? at
      : -1;
  }

  /**
   * @param frame host frame of the table of leaves
   * @param permissions gathered above it, in the walker's own encoding (4 bits)
   */
  insert(tags: StructureTags, isFirstStage: boolean, frame: number, permissions: number): void {
    const { sourceId, requestTag, hi, lo } = tags;
    const { words } = this;
    const number = (lo >>> 21) | (hi << 11);
    const at = slotOf(number, sourceId, requestTag);
    const isOrdinary = !isFirstStage && permissions === 3 && frame < 2 ** 31;
    if ((words[at + 2] & VALID) === 0) words[HELD]++;
    words[at] = number;
    words[at + 1] = (hi >>> 21) | (sourceId << 11);
    words[at + 2] = tagOf(requestTag, isFirstStage) | (isOrdinary ? ORDINARY : 0);
    words[at + 3] = frame;
    words[at + 4] =
      Math.floor(frame / 2 ** 32) | (permissions << PERMISSIONS_SHIFT) | (tags.domainId << DOMAIN_SHIFT);
    words[at + 5] = tags.pasid;
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
    for (let at = 0; at < HELD; at += STRIDE) {
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

  private domainAt(at: number): number {
    return this.words[at + 4] >>> DOMAIN_SHIFT;
  }

  private isFirstStage(at: number): boolean {
    return (this.words[at + 2] & FIRST_STAGE) !== 0;
  }

  private overlaps(at: number, pfn: number, addressMask: number): boolean {
    const first = ((this.words[at + 1] & 0x7ff) * 2 ** 32 + (this.words[at] >>> 0)) * 2 ** FRAMES_LG2;
    return overlapsRange(first, 2 ** FRAMES_LG2, pfn, addressMask);
  }

  private drop(matches: (at: number) => boolean): number {
    if (this.words[HELD] === 0) return 0;
    let dropped = 0;
    for (let at = 0; at < HELD; at += STRIDE) {
      if ((this.words[at + 2] & VALID) === 0 || !matches(at)) continue;
      this.words[at + 2] = 0;
      dropped++;
    }
    this.words[HELD] -= dropped;
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
