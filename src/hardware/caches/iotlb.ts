import { u64 } from '../../bits/u64.js';
import { PASID_TRANSLATION_TYPE } from '../../layout/pasid-entry.js';
import type { PageAccess } from '../request.js';
import { type CacheEntry, overlapsRange } from './cache-entry.js';

const SETS_LG2 = 8;
const SETS = 1 << SETS_LG2;
const WAYS = 4;
const STRIDE = 8;
const SET_WORDS = WAYS * STRIDE;
const ENTRIES_END = SETS * SET_WORDS;
/** After the entries, a word for each set: which way goes next, and how many are free. Then two counts. */
const STATES = ENTRIES_END;
const TURN = WAYS - 1;
const FREE_WAY = WAYS;
const HELD = STATES + SETS;
/** Entries of pages above 4 KiB: without any, a lookup need not try their sizes. */
const LARGE = HELD + 1;
const VALID = 1 << 27;
const CLASS_SHIFT = 25;
const HAS_PASID = 1 << 20;
/** Frames of a page, by size class: 4 KiB, 2 MiB, 1 GiB. */
const FRAMES_LG2 = [0, 9, 18];

/** Flag word of an entry: what it permits, by privilege, and what a hit must know besides. */
export const IOTLB_FLAG = {
  USER_READ: 1 << 0,
  USER_WRITE: 1 << 1,
  PRIVILEGED_READ: 1 << 2,
  PRIVILEGED_WRITE: 1 << 3,
  EXECUTE: 1 << 4,
  SNOOP: 1 << 5,
  /** A write is permitted but must set a dirty bit first: it goes back to the tables. */
  NEEDS_DIRTY: 1 << 6,
  /** Caching mode: the page was found not present. */
  NOT_PRESENT: 1 << 7,
} as const;
const TYPE_SHIFT = 9;
const DOMAIN_SHIFT = 16;

/** Places of an entry's words after its index: the hot path reads them without a call. */
export const IOTLB_WORD = {
  PAGE: 0,
  TAG2: 1,
  TAG3: 2,
  FLAGS: 3,
  PHYSICAL_LO: 4,
  PHYSICAL_HI: 5,
  OFFSET_MASK: 6,
  PASID: 7,
} as const;

/** What else the hot path knows of the words: it looks 4 KiB pages up and puts them in by itself. */
export const IOTLB_LAYOUT = { SETS_LG2, WAYS, STRIDE, STATES, LARGE } as const;

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

/** The tag of a request: its PASID, marked as such, or 0. */
export function requestTagOf(pasid: number | null): number {
  return pasid === null ? 0 : pasid | HAS_PASID;
}

/**
 * Finished translations by source id, PASID and page; invalidated by domain id, PASID and page.
 * Spec: VT-d 6.2.4 "IOTLB".
 *
 * 256 sets of 4 ways, the oldest of a full set replaced. A way is 8 words: three of tag (page bits 43:12;
 * page bits 63:44 and source id 11:0; request tag, source id 15:12, size class, valid), flags with PGTT and
 * domain id, host address low and high, offset mask, PASID for invalidation. All in one typed array, so that
 * a hit costs a few loads and no allocation.
 */
export class Iotlb {
  readonly words = new Int32Array(LARGE + 1).fill(WAYS * FREE_WAY, STATES, HELD);

  /** Flags, PGTT and domain id as an entry has them in one word. */
  static flagWord(flags: number, type: number, domainId: number): number {
    return flags | (type << TYPE_SHIFT) | (domainId << DOMAIN_SHIFT);
  }

  /** Third tag word of the entry of a 4 KiB page. */
  static pageTag(sourceId: number, requestTag: number): number {
    return requestTag | ((sourceId >>> 12) << 21) | VALID;
  }

  /** The tag of a request with a PASID. */
  requestTag(pasid: number): number {
    return pasid | HAS_PASID;
  }

  /** Index of the entry for an address, -1 on a miss. */
  find(sourceId: number, requestTag: number, hi: number, lo: number): number {
    const page = (lo >>> 12) | (hi << 20);
    const tag2 = (hi >>> 12) | (sourceId << 20);
    const tag3 = Iotlb.pageTag(sourceId, requestTag);
    const at = this.probe(page, tag2, tag3, mix(page, sourceId, requestTag));
    return at >= 0 || this.words[LARGE] === 0 ? at : this.findLarge(page, tag2, tag3, sourceId, requestTag);
  }

  /** Caches a translation. */
  insert(fill: IotlbFill): void {
    const { sourceId, requestTag, hi, lo, pageSize, physicalHi, physicalLo, type, domainId, pasid } = fill;
    const sizeClass = pageSize === 0x1000 ? 0 : pageSize === 0x200000 ? 1 : 2;
    const framesLg2 = 9 * sizeClass;
    const number = ((lo >>> 12) | (hi << 20)) >>> framesLg2;
    const page = number << framesLg2;
    const tag2 = (hi >>> 12) | (sourceId << 20);
    const tag3 = Iotlb.pageTag(sourceId, requestTag) | (sizeClass << CLASS_SHIFT);
    const set = mix(number, sourceId, requestTag);
    const { words } = this;
    let at = this.probe(page, tag2, tag3, set);
    if (at < 0) {
      at = this.placeIn(set);
      if (sizeClass !== 0) words[LARGE]++;
    }
    words[at] = page;
    words[at + 1] = tag2;
    words[at + 2] = tag3;
    words[at + 3] = Iotlb.flagWord(fill.flags, type, domainId);
    words[at + 4] = physicalLo & -pageSize;
    words[at + 5] = physicalHi;
    words[at + 6] = pageSize - 1;
    words[at + 7] = pasid;
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
    return this.drop((at) => this.domainAt(at) === domainId && this.words[at + 7] === pasid);
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
        this.words[at + 7] === pasid &&
        this.isFirstStage(at) &&
        this.overlaps(at, pfn, addressMask),
    );
  }

  *entries(): Generator<CacheEntry & { readonly type: number; readonly snoop: boolean }> {
    for (let at = 0; at < ENTRIES_END; at += STRIDE) {
      const tag3 = this.words[at + 2];
      if ((tag3 & VALID) === 0) continue;
      const page = this.words[at];
      const flags = this.words[at + 3];
      yield {
        kind: 'IOTLB',
        sourceId: this.sourceAt(at),
        domainId: this.domainAt(at),
        pasid: (tag3 & HAS_PASID) === 0 ? null : tag3 & 0xfffff,
        address: u64((page >>> 20) | ((this.words[at + 1] & 0xfffff) << 12), page << 12),
        pageSize: this.words[at + 6] + 1,
        target: this.words[at + 5] * 2 ** 32 + (this.words[at + 4] >>> 0),
        access: accessOf(flags),
        words: [],
        reason: 0,
        type: this.typeAt(at),
        snoop: (flags & IOTLB_FLAG.SNOOP) !== 0,
      };
    }
  }

  private probe(page: number, tag2: number, tag3: number, set: number): number {
    const { words } = this;
    const at = set * SET_WORDS;
    if (words[at] === page && words[at + 2] === tag3 && words[at + 1] === tag2) return at;
    const second = at + STRIDE;
    if (words[second] === page && words[second + 2] === tag3 && words[second + 1] === tag2) return second;
    const third = second + STRIDE;
    if (words[third] === page && words[third + 2] === tag3 && words[third + 1] === tag2) return third;
    const fourth = third + STRIDE;
    return words[fourth] === page && words[fourth + 2] === tag3 && words[fourth + 1] === tag2 ? fourth : -1;
  }

  private findLarge(page: number, tag2: number, tag3: number, sourceId: number, requestTag: number): number {
    for (let sizeClass = 1; sizeClass <= 2; sizeClass++) {
      const number = page >>> FRAMES_LG2[sizeClass];
      const tag = tag3 | (sizeClass << CLASS_SHIFT);
      const at = this.probe(number << FRAMES_LG2[sizeClass], tag2, tag, mix(number, sourceId, requestTag));
      if (at >= 0) return at;
    }
    return -1;
  }

  /** A free way of a set, else its ways in turn. */
  placeIn(set: number): number {
    const { words } = this;
    let at = set * SET_WORDS;
    const state = words[STATES + set];
    if (state < FREE_WAY) {
      at += state * STRIDE;
      words[STATES + set] = (state + 1) & TURN;
      if (this.classAt(at) !== 0) words[LARGE]--;
      return at;
    }
    words[STATES + set] -= FREE_WAY;
    words[HELD]++;
    while ((words[at + 2] & VALID) !== 0) at += STRIDE;
    return at;
  }

  private classAt(at: number): number {
    return (this.words[at + 2] >>> CLASS_SHIFT) & 3;
  }

  private sourceAt(at: number): number {
    return (this.words[at + 1] >>> 20) | (((this.words[at + 2] >>> 21) & 15) << 12);
  }

  private domainAt(at: number): number {
    return this.words[at + 3] >>> DOMAIN_SHIFT;
  }

  private typeAt(at: number): number {
    return (this.words[at + 3] >>> TYPE_SHIFT) & 7;
  }

  private isFirstStage(at: number): boolean {
    const type = this.typeAt(at);
    return type === PASID_TRANSLATION_TYPE.FIRST_STAGE || type === PASID_TRANSLATION_TYPE.NESTED;
  }

  private overlaps(at: number, pfn: number, addressMask: number): boolean {
    const first = (this.words[at + 1] & 0xfffff) * 2 ** 32 + (this.words[at] >>> 0);
    return overlapsRange(first, 1 << FRAMES_LG2[this.classAt(at)], pfn, addressMask);
  }

  private drop(matches: (at: number) => boolean): number {
    const { words } = this;
    let dropped = 0;
    if (words[HELD] === 0) return 0;
    for (let at = 0; at < ENTRIES_END; at += STRIDE) {
      if ((words[at + 2] & VALID) === 0 || !matches(at)) continue;
      if (this.classAt(at) !== 0) words[LARGE]--;
      words[STATES + Math.floor(at / SET_WORDS)] += FREE_WAY;
      words[at + 2] = 0;
      dropped++;
    }
    words[HELD] -= dropped;
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

/** The set of a page: neighbours in different sets, and sources and PASIDs spread over them. */
function mix(page: number, sourceId: number, requestTag: number): number {
  return (page ^ (page >>> SETS_LG2) ^ (sourceId >>> 3) ^ requestTag) & (SETS - 1);
}
