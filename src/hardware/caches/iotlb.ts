import { u64 } from '../../bits/u64.js';
import { PASID_TRANSLATION_TYPE } from '../../layout/pasid-entry.js';
import type { PageAccess } from '../request.js';
import { type CacheEntry, overlapsRange } from './cache-entry.js';
import {
  CLASS_SHIFT,
  DOMAIN_SHIFT,
  HAS_PASID,
  IOTLB_FLAG,
  IOTLB_LAYOUT,
  PASID_SHIFT,
  TYPE_SHIFT,
  VALID,
  flagWord,
  pageTag,
  requesterSeed,
  slotOf,
  upperWord,
} from './iotlb-words.js';

const { SETS_LG2, WAYS, SLOTS, STRIDE_LG2, ENTRIES, FREE_WAYS, HOLDS_ANY, HOLDS_LARGE } = IOTLB_LAYOUT;
const SETS = 1 << SETS_LG2;
const STRIDE = 1 << STRIDE_LG2;
const ENTRIES_END = ENTRIES + SLOTS * STRIDE;
const FRAME_HI_MASK = 0xff;
/** Frames of a page, by size class: 4 KiB, 2 MiB, 1 GiB. */
const FRAMES_LG2 = [0, 9, 18];
const OFFSET_MASKS = [0xfff, 0x1fffff, 0x3fffffff];

/** A translation to be cached. Halves of addresses are 32-bit integers, signed or not. */
export interface IotlbFill {
  readonly sourceId: number;
  /** As {@link requestTagOf} has it. */
  readonly requestTag: number;
  /** PASID an invalidation names to reach the entry: the request's own or RID_PASID. */
  readonly pasid: number;
  readonly domainId: number;
  /** PGTT; 0 for legacy mode. */
  readonly type: number;
  /** The address asked for. */
  readonly hi: number;
  readonly lo: number;
  /** Bytes: 4 KiB, 2 MiB or 1 GiB. */
  readonly pageSize: number;
  /** Host address it leads to. */
  readonly physicalHi: number;
  readonly physicalLo: number;
  /** Bits of {@link IOTLB_FLAG}. */
  readonly flags: number;
}

/**
 * Finished translations by source id, PASID and page; invalidated by domain id, PASID and page.
 * Spec: VT-d 6.2.4 "IOTLB".
 *
 * 256 sets of 4 ways. Ten bits of a hash number the slot an entry belongs in; its set are the slots with the
 * same eight low ones, and another of these takes it while they are free. An entry is its low page bits (43:12)
 * and five words more: page bits 63:44 and source id 11:0; request tag, source id 15:12, size class, valid;
 * flags with PGTT and domain id; host frame bits 31:0; host frame bits 39:32 with the PASID for invalidation.
 * All in one typed array: what a request costs is the number of words it touches.
 */
export class Iotlb {
  readonly words = new Int32Array(HOLDS_LARGE + 1).fill(WAYS, FREE_WAYS, HOLDS_ANY);

  /** The tag of a request with a PASID. */
  requestTag(pasid: number): number {
    return pasid | HAS_PASID;
  }

  /** Index of the entry for an address, -1 on a miss. */
  find(sourceId: number, requestTag: number, hi: number, lo: number): number {
    const page = (lo >>> 12) | (hi << 20);
    const tag2 = (hi >>> 12) | (sourceId << 20);
    const tag3 = pageTag(sourceId, requestTag);
    const seed = requesterSeed(sourceId, requestTag);
    const slot = this.probe(page, tag2, tag3, slotOf(page, seed, 0));
    if (slot >= 0) return ENTRIES + slot * STRIDE;
    return this.words[HOLDS_LARGE] === 0 ? -1 : this.findLarge(page, tag2, tag3, seed);
  }

  /** Caches a translation. */
  insert(fill: IotlbFill): void {
    const { sourceId, requestTag, hi, lo, pageSize, physicalHi, physicalLo, type, domainId, pasid } = fill;
    const sizeClass = pageSize === 0x1000 ? 0 : pageSize === 0x200000 ? 1 : 2;
    const framesLg2 = 9 * sizeClass;
    const number = ((lo >>> 12) | (hi << 20)) >>> framesLg2;
    const page = number << framesLg2;
    const tag2 = (hi >>> 12) | (sourceId << 20);
    const tag3 = pageTag(sourceId, requestTag) | (sizeClass << CLASS_SHIFT);
    const preferred = slotOf(number, requesterSeed(sourceId, requestTag), sizeClass);
    const known = this.probe(page, tag2, tag3, preferred);
    const slot = known >= 0 ? known : this.placeFor(preferred);
    const at = ENTRIES + slot * STRIDE;
    const frameHi = physicalHi >>> 12;
    const { words } = this;
    words[slot] = page;
    words[at] = tag2;
    words[at + 1] = tag3;
    words[at + 2] = flagWord(fill.flags, type, domainId) | (frameHi !== 0 ? IOTLB_FLAG.FAR : 0);
    words[at + 3] = ((physicalLo & -pageSize) >>> 12) | (physicalHi << 20);
    words[at + 4] = upperWord(frameHi, pasid);
    if (sizeClass !== 0) words[HOLDS_LARGE] = 1;
  }

  /** Where an entry goes that belongs in a slot: there, unless it is taken and another of the set is free. */
  placeFor(preferred: number): number {
    const { words } = this;
    const set = preferred & (SETS - 1);
    if (words[FREE_WAYS + set] === 0) return preferred;
    words[FREE_WAYS + set]--;
    words[HOLDS_ANY] = 1;
    let slot = preferred;
    while ((words[ENTRIES + slot * STRIDE + 1] & VALID) !== 0) slot = (slot + SETS) & (SLOTS - 1);
    return slot;
  }

  /** Bits of an address that an entry's page leaves to it. */
  offsetMaskAt(at: number): number {
    return OFFSET_MASKS[this.classAt(at)];
  }

  /** Halves of the host address of an entry's page. */
  physicalHiAt(at: number): number {
    return (this.words[at + 3] >>> 20) | ((this.words[at + 4] & FRAME_HI_MASK) << 12);
  }

  physicalLoAt(at: number): number {
    return this.words[at + 3] << 12;
  }

  invalidateAll(): number {
    return this.drop(() => true);
  }

  invalidateDomain(domainId: number): number {
    return this.drop((at) => this.domainAt(at) === domainId);
  }

  /**
   * Page-selective-within-domain. First-stage and nested entries of the domain all go: their pages are of
   * another address space than the one the range names. The hint that only leaves changed is about the
   * paging-structure caches; here entries go either way.
   */
  invalidatePages(domainId: number, pfn: number, addressMask: number, _keepStructure: boolean): number {
    return this.drop(
      (at) =>
        this.domainAt(at) === domainId && (this.isFirstStage(at) || this.overlaps(at, pfn, addressMask)),
    );
  }

  /** PASID-selective-within-domain: entries of every PGTT. */
  invalidatePasid(domainId: number, pasid: number): number {
    return this.drop((at) => this.domainAt(at) === domainId && this.words[at + 4] >>> PASID_SHIFT === pasid);
  }

  /** Page-selective-within-PASID: first-stage and nested entries only. */
  invalidatePasidPages(
    domainId: number,
    pasid: number,
    pfn: number,
    addressMask: number,
    _keepStructure: boolean,
  ): number {
    return this.drop(
      (at) =>
        this.domainAt(at) === domainId &&
        this.words[at + 4] >>> PASID_SHIFT === pasid &&
        this.isFirstStage(at) &&
        this.overlaps(at, pfn, addressMask),
    );
  }

  *entries(): Generator<CacheEntry & { readonly type: number; readonly snoop: boolean }> {
    for (let at = ENTRIES; at < ENTRIES_END; at += STRIDE) {
      const tag3 = this.words[at + 1];
      if ((tag3 & VALID) === 0) continue;
      const page = this.pageAt(at);
      const flags = this.words[at + 2];
      yield {
        kind: 'IOTLB',
        sourceId: this.sourceAt(at),
        domainId: this.domainAt(at),
        pasid: (tag3 & HAS_PASID) === 0 ? null : tag3 & 0xfffff,
        address: u64((page >>> 20) | ((this.words[at] & 0xfffff) << 12), page << 12),
        pageSize: this.offsetMaskAt(at) + 1,
        target: this.physicalHiAt(at) * 2 ** 32 + (this.physicalLoAt(at) >>> 0),
        access: accessOf(flags),
        words: [],
        reason: 0,
        type: this.typeAt(at),
        snoop: (flags & IOTLB_FLAG.SNOOP) !== 0,
      };
    }
  }

  /** Slot of an entry, by all its tags; -1 when its set has none. */
  private probe(page: number, tag2: number, tag3: number, preferred: number): number {
    const { words } = this;
    for (let slot = preferred; ;) {
      const at = ENTRIES + slot * STRIDE;
      if (words[slot] === page && words[at + 1] === tag3 && words[at] === tag2) return slot;
      slot = (slot + SETS) & (SLOTS - 1);
      if (slot === preferred) return -1;
    }
  }

  private findLarge(page: number, tag2: number, tag3: number, seed: number): number {
    for (let sizeClass = 1; sizeClass <= 2; sizeClass++) {
      const number = page >>> FRAMES_LG2[sizeClass];
      const tag = tag3 | (sizeClass << CLASS_SHIFT);
      const first = number << FRAMES_LG2[sizeClass];
      const slot = this.probe(first, tag2, tag, slotOf(number, seed, sizeClass));
      if (slot >= 0) return ENTRIES + slot * STRIDE;
    }
    return -1;
  }

  private pageAt(at: number): number {
    return this.words[(at - ENTRIES) / STRIDE];
  }

  private classAt(at: number): number {
    return (this.words[at + 1] >>> CLASS_SHIFT) & 3;
  }

  private sourceAt(at: number): number {
    return (this.words[at] >>> 20) | (((this.words[at + 1] >>> 21) & 15) << 12);
  }

  private domainAt(at: number): number {
    return this.words[at + 2] >>> DOMAIN_SHIFT;
  }

  private typeAt(at: number): number {
    return (this.words[at + 2] >>> TYPE_SHIFT) & 7;
  }

  private isFirstStage(at: number): boolean {
    const type = this.typeAt(at);
    return type === PASID_TRANSLATION_TYPE.FIRST_STAGE || type === PASID_TRANSLATION_TYPE.NESTED;
  }

  private overlaps(at: number, pfn: number, addressMask: number): boolean {
    const first = (this.words[at] & 0xfffff) * 2 ** 32 + (this.pageAt(at) >>> 0);
    return overlapsRange(first, 1 << FRAMES_LG2[this.classAt(at)], pfn, addressMask);
  }

  private drop(matches: (at: number) => boolean): number {
    const { words } = this;
    if (words[HOLDS_ANY] === 0) return 0;
    let dropped = 0;
    words[HOLDS_ANY] = 0;
    words[HOLDS_LARGE] = 0;
    for (let slot = 0, at = ENTRIES; slot < SLOTS; slot++, at += STRIDE) {
      if ((words[at + 1] & VALID) === 0) continue;
      if (matches(at)) {
        words[at + 1] = 0;
        words[FREE_WAYS + (slot & (SETS - 1))]++;
        dropped++;
      } else {
        words[HOLDS_ANY] = 1;
        if (this.classAt(at) !== 0) words[HOLDS_LARGE] = 1;
      }
    }
    return dropped;
  }
}

/** What an entry permits at its least privilege. */
function accessOf(flags: number): PageAccess {
  const isPrivileged = (flags & (IOTLB_FLAG.USER_READ | IOTLB_FLAG.USER_WRITE)) === 0;
  const permissions = isPrivileged ? flags >>> 2 : flags;
  return {
    read: (permissions & IOTLB_FLAG.USER_READ) !== 0,
    write: (permissions & IOTLB_FLAG.USER_WRITE) !== 0,
    execute: (flags & IOTLB_FLAG.EXECUTE) !== 0,
    privileged: isPrivileged && (permissions & 3) !== 0,
  };
}
