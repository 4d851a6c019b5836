import { type U64, u64 } from '../../bits/u64.js';
import type { CacheEntry } from './cache-entry.js';
import { type EntrySlots, VALID, WAYS, dropSlots, replaceableSlot } from './entry-slots.js';
import type { SecondStageRoutes } from './second-stage-routes.js';

const SETS = 64;
const STRIDE = 16;
/** Scalable-mode entries carry no domain id. */
const NO_DOMAIN = -1;
/** SID bits left out of the comparison, by FM. Spec: VT-d 6.5.2.1 "Context-Cache Invalidate", field FM. */
const FUNCTION_MASK = [0, 4, 6, 7];

/**
 * Context entries by source id, legacy or scalable: what a unit remembers instead of reading the root and
 * context tables. Spec: VT-d 6.2.2 "Context Cache".
 *
 * Every way is 16 words: tag, domain id, fault reason, unused, then the entry itself. 64 sets of 4, the
 * oldest of a full set replaced.
 */
export class ContextCache {
  /** Entry words of a hit start {@link ContextCache.ENTRY} words after its index. */
  static readonly ENTRY = 4;
  static readonly ENTRY_WORDS = 8;
  readonly words = new Int32Array(SETS * WAYS * STRIDE);
  private readonly slots: EntrySlots;

  /** @param routes what was concluded from entries here */
  constructor(routes: SecondStageRoutes | null = null) {
    this.slots = { words: this.words, stride: STRIDE, turn: new Uint8Array(SETS), routes };
  }

  /** Index of the entry of a source, -1 on a miss. */
  find(sourceId: number): number {
    const first = (sourceId & (SETS - 1)) * WAYS * STRIDE;
    for (let at = first; at < first + WAYS * STRIDE; at += STRIDE) {
      if (this.words[at] === (sourceId | VALID)) return at;
    }
    return -1;
  }

  /** Whether the entry is a scalable-mode one; after a change of table mode the other kind may linger. */
  isScalableAt(at: number): boolean {
    return this.words[at + 1] === NO_DOMAIN;
  }

  /** Why the cached entry refuses requests; 0 when it does not. */
  reasonAt(at: number): number {
    return this.words[at + 2];
  }

  /**
   * @param domainId null for scalable-mode entries
   * @param entry at least 8 words, the legacy entry in the first 4
   * @param reason not 0 to cache a refusal, which only units with caching mode do
   */
  insert(sourceId: number, domainId: number | null, entry: Int32Array, reason: number): void {
    this.slots.routes?.forget();
    const at = this.placeFor(sourceId);
    this.words[at] = sourceId | VALID;
    this.words[at + 1] = domainId ?? NO_DOMAIN;
    this.words[at + 2] = reason;
    for (let word = 0; word < ContextCache.ENTRY_WORDS; word++) {
      this.words[at + ContextCache.ENTRY + word] = entry[word];
    }
  }

  invalidateAll(): number {
    return dropSlots(this.slots, () => true);
  }

  /** Legacy mode; in scalable mode a unit treats the request as global. */
  invalidateDomain(domainId: number): number {
    return dropSlots(this.slots, (at) => this.words[at + 1] === domainId);
  }

  /** @param domainId null in scalable mode, where only the source id is compared */
  invalidateDevice(sourceId: number, functionMask: number, domainId: number | null): number {
    const compared = 0xffff & ~FUNCTION_MASK[functionMask];
    return dropSlots(
      this.slots,
      (at) =>
        ((this.words[at] ^ sourceId) & compared) === 0 &&
        (domainId === null || this.words[at + 1] === domainId),
    );
  }

  *entries(): Generator<CacheEntry> {
    for (let at = 0; at < this.words.length; at += STRIDE) {
      if ((this.words[at] & VALID) === 0) continue;
      const words: U64[] = [];
      for (let word = 0; word < ContextCache.ENTRY_WORDS; word += 2) {
        const low = at + ContextCache.ENTRY + word;
        words.push(u64(this.words[low + 1], this.words[low]));
      }
      const domainId = this.words[at + 1];
      yield {
        kind: 'CONTEXT',
        sourceId: this.words[at] & 0xffff,
        domainId: domainId === NO_DOMAIN ? null : domainId,
        pasid: null,
        address: null,
        pageSize: null,
        target: null,
        access: null,
        words: domainId === NO_DOMAIN ? words : words.slice(0, 2),
        reason: this.words[at + 2],
      };
    }
  }

  private placeFor(sourceId: number): number {
    const known = this.find(sourceId);
    if (known >= 0) return known;
    return replaceableSlot(this.slots, sourceId & (SETS - 1));
  }
}
