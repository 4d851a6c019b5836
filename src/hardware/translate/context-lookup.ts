import { isAddressWidthSupported } from '../../layout/address-width.js';
import { CONTEXT_ENTRY_BYTES, TRANSLATION_TYPE, reservedInContextEntry } from '../../layout/context-entry.js';
import {
  SCALABLE_CONTEXT_ENTRY_BYTES,
  pasidsCovered,
  reservedInScalableContextEntry,
} from '../../layout/scalable-context-entry.js';
import { ContextCache } from '../caches/context-cache.js';
import type { TranslationContext } from './context.js';
import { type Rules, rulesOf } from './rules.js';
import { RootLookup } from './root.js';
import { hasAny, readEntry, wordsOf } from './table-reader.js';
import type { Walk } from './walk.js';

/** Bits of the first word of a scalable context entry. */
const DTE = 1 << 2;
const PASIDE = 1 << 3;
const PRE = 1 << 4;
const EPTR = 1 << 6;

/**
 * Step 4: the context entry of the function, from the context cache or from memory, checked as far as no
 * request is needed for it. Spec: VT-d 9.3 "Context Entry" and 9.4 "Scalable-Mode Context Entry".
 */
export class ContextLookup {
  private readonly root: RootLookup;
  private readonly scratch = new Int32Array(ContextCache.ENTRY_WORDS);
  private readonly walkedReserved: Int32Array;
  private readonly passThroughReserved: Int32Array;
  private readonly scalableReserved: Int32Array;

  private readonly rules: Rules;

  constructor(private readonly unit: TranslationContext) {
    this.rules = rulesOf(unit.capabilities);
    const { capabilities, hostAddressWidth } = unit;
    this.root = new RootLookup(unit);
    const legacy = reservedInContextEntry(capabilities, hostAddressWidth);
    this.walkedReserved = wordsOf(legacy.walked);
    this.passThroughReserved = wordsOf(legacy.passThrough);
    this.scalableReserved = wordsOf(reservedInScalableContextEntry(capabilities, hostAddressWidth));
  }

  /** Returns a fault reason, or 0 with the entry's words at `walk.contextWords[walk.contextAt]`. */
  find(walk: Walk, isScalable: boolean): number {
    if (walk.usesCaches) {
      const cache = this.unit.caches.context;
      const at = cache.find(walk.sourceId);
      if (at >= 0 && cache.isScalableAt(at) === isScalable) {
        walk.level = 'CONTEXT';
        this.take(walk, cache.words, at + ContextCache.ENTRY);
        return cache.reasonAt(at);
      }
    }
    return this.fetch(walk, isScalable);
  }

  private fetch(walk: Walk, isScalable: boolean): number {
    const reason = this.root.find(walk, isScalable);
    if (reason !== 0) return reason;
    const bytes = isScalable ? SCALABLE_CONTEXT_ENTRY_BYTES : CONTEXT_ENTRY_BYTES;
    const index = walk.sourceId & (isScalable ? 0x7f : 0xff);
    const table = this.root.contextTable;
    if (!isScalable) this.scratch.fill(0);
    if (!readEntry(this.unit.memory, walk, 'CONTEXT', table, index, bytes, this.scratch)) {
      return isScalable ? 0x40 : 0x09;
    }
    this.take(walk, this.scratch, 0);
    const found = isScalable ? this.checkScalable(this.scratch) : this.checkLegacy(this.scratch);
    // Caching mode: refusals are remembered too, under domain id 0, until software invalidates them.
    if (walk.usesCaches && (found === 0 || this.rules.CM)) {
      const domainId = isScalable ? null : found === 0 ? legacyDomainId(this.scratch) : 0;
      this.unit.caches.context.insert(walk.sourceId, domainId, this.scratch, found);
    }
    return found;
  }

  /** FPD counts from the moment the entry is fetched, present or not. */
  private take(walk: Walk, words: Int32Array, at: number): void {
    walk.contextWords = words;
    walk.contextAt = at;
    walk.suppressed = (words[at] & 2) !== 0;
  }

  private checkLegacy(entry: Int32Array): number {
    const { DT, PT, SAGAW } = this.rules;
    if ((entry[0] & 1) === 0) return 0x02;
    const type = (entry[0] >>> 2) & 3;
    const isPassThrough = type === TRANSLATION_TYPE.PASS_THROUGH;
    if (hasAny(entry, isPassThrough ? this.passThroughReserved : this.walkedReserved)) return 0x0b;
    if (type === 3 || (type === TRANSLATION_TYPE.DEVICE_TLB && !DT) || (isPassThrough && !PT)) return 0x03;
    if (!isPassThrough && !isAddressWidthSupported(entry[2] & 7, SAGAW)) return 0x03;
    return 0;
  }

  private checkScalable(entry: Int32Array): number {
    if ((entry[0] & 1) === 0) return 0x41;
    if (hasAny(entry, this.scalableReserved)) return 0x42;
    if ((entry[0] & PRE) !== 0 && (entry[0] & DTE) === 0) return 0x43;
    const ridPasid = this.rules.RPS ? entry[2] & 0xfffff : 0;
    if (ridPasid >= pasidsCovered((entry[0] >>> 9) & 7)) return 0x43;
    if ((entry[0] & EPTR) !== 0 && (entry[0] & PASIDE) === 0) return 0x43;
    return 0;
  }
}

function legacyDomainId(entry: Int32Array): number {
  return (entry[2] >>> 8) & 0xffff;
}
