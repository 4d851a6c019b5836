import { type U64, u64 } from '../../bits/u64.js';
import type { CacheEntry } from './cache-entry.js';
import { type EntrySlots, VALID, WAYS, dropSlots, replaceableSlot } from './entry-slots.js';
import type { SecondStageRoutes } from './second-stage-routes.js';

const SETS = 128;
const STRIDE = 24;

/**
 * PASID table entries by source id and PASID, invalidated by PASID and domain id.
 * Spec: VT-d 6.2.3 "PASID Cache".
 *
 * A way is 24 words: source id, PASID, domain id, fault reason, FPD of the directory entry it was found
 * through, three unused, then the entry. 128 sets of 4, the oldest of a full set replaced.
 */
export class PasidCache {
  /** Entry words of a hit start {@link PasidCache.ENTRY} words after its index. */
  static readonly ENTRY = 8;
  static readonly ENTRY_WORDS = 16;
  readonly words = new Int32Array(SETS * WAYS * STRIDE);
  private readonly slots: EntrySlots;

  /** @param routes what was concluded from entries here */
  constructor(routes: SecondStageRoutes | null = null) {
    this.slots = { words: this.words, stride: STRIDE, turn: new Uint8Array(SETS), routes };
  }

  /** Index of the entry, -1 on a miss. */
  find(sourceId: number, pasid: number): number {
    const first = setOf(sourceId, pasid) * WAYS * STRIDE;
    for (let at = first; at < first + WAYS * STRIDE; at += STRIDE) {
      if (this.words[at] === (sourceId | VALID) && this.words[at + 1] === pasid) return at;
    }
    return -1;
  }

  /** Why the cached entry refuses requests; 0 when it does not. */
  reasonAt(at: number): number {
    return this.words[at + 3];
  }

  /** FPD of the directory entry, which counts for faults met later: it is cached along. */
  directoryFpdAt(at: number): boolean {
    return this.words[at + 4] !== 0;
  }

  /** @param reason not 0 to cache a refusal, which only units with caching mode do, under domain id 0 */
  insert(
    sourceId: number,
    pasid: number,
    domainId: number,
    entry: Int32Array,
    directoryFpd: boolean,
    reason: number,
  ): void {
    this.slots.routes?.forget();
    const at = this.placeFor(sourceId, pasid);
    this.words[at] = sourceId | VALID;
    this.words[at + 1] = pasid;
    this.words[at + 2] = domainId;
    this.words[at + 3] = reason;
    this.words[at + 4] = directoryFpd ? 1 : 0;
    for (let word = 0; word < PasidCache.ENTRY_WORDS; word++) {
      this.words[at + PasidCache.ENTRY + word] = entry[word];
    }
  }

  invalidateAll(): number {
    return dropSlots(this.slots, () => true);
  }

  invalidateDomain(domainId: number): number {
    return dropSlots(this.slots, (at) => this.words[at + 2] === domainId);
  }

  invalidatePasid(domainId: number, pasid: number): number {
    return dropSlots(this.slots, (at) => this.words[at + 2] === domainId && this.words[at + 1] === pasid);
  }

  *entries(): Generator<CacheEntry> {
    for (let at = 0; at < this.words.length; at += STRIDE) {
      if ((this.words[at] & VALID) === 0) continue;
      const words: U64[] = [];
      for (let word = 0; word < PasidCache.ENTRY_WORDS; word += 2) {
        const low = at + PasidCache.ENTRY + word;
        words.push(u64(this.words[low + 1], this.words[low]));
      }
      yield {
        kind: 'PASID',
        sourceId: this.words[at] & 0xffff,
        domainId: this.words[at + 2],
        pasid: this.words[at + 1],
        address: null,
        pageSize: null,
        target: null,
        access: null,
        words,
        reason: this.words[at + 3],
      };
    }
  }

  private placeFor(sourceId: number, pasid: number): number {
    const known = this.find(sourceId, pasid);
    if (known >= 0) return known;
    return replaceableSlot(this.slots, setOf(sourceId, pasid));
  }
}

function setOf(sourceId: number, pasid: number): number {
  return (sourceId ^ (sourceId >>> 7) ^ pasid ^ (pasid >>> 7)) & (SETS - 1);
}
