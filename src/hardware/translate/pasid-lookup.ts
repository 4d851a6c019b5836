import { bitsOfAddressWidth, isAddressWidthSupported } from '../../layout/address-width.js';
import { PASID_DIRECTORY_ENTRY_BYTES } from '../../layout/pasid-directory-entry.js';
import { PASID_ENTRY_BYTES, PASID_TRANSLATION_TYPE, reservedInPasidEntry } from '../../layout/pasid-entry.js';
import { maskOf, orU64 } from '../../bits/u64.js';
import { reservedAddressBits } from '../../layout/root-entry.js';
import { PasidCache } from '../caches/pasid-cache.js';
import { exceedsWidth, frameOf } from './address.js';
import type { TranslationContext } from './context.js';
import { type Rules, rulesOf } from './rules.js';
import { hasAny, readEntry, wordsOf } from './table-reader.js';
import type { Walk } from './walk.js';

const { FIRST_STAGE, SECOND_STAGE, NESTED, PASS_THROUGH } = PASID_TRANSLATION_TYPE;

/**
 * Steps 7 and 8: the PASID directory entry and the PASID table entry, from the PASID cache or from memory,
 * checked as far as no request is needed for it. Spec: VT-d 9.5 and 9.6 "Scalable-Mode PASID Table Entry".
 */
export class PasidLookup {
  private readonly directory = new Int32Array(2);
  private readonly scratch = new Int32Array(PasidCache.ENTRY_WORDS);
  private readonly directoryReserved: Int32Array;
  /** By PGTT. */
  private readonly reserved: readonly Int32Array[];
  private directoryFpd = false;

  private readonly rules: Rules;

  constructor(private readonly unit: TranslationContext) {
    this.rules = rulesOf(unit.capabilities);
    const { capabilities, hostAddressWidth } = unit;
    this.directoryReserved = wordsOf([orU64(maskOf(11, 2), reservedAddressBits(hostAddressWidth))]);
    this.reserved = [0, 1, 2, 3, 4, 5, 6, 7].map((pgtt) =>
      wordsOf(reservedInPasidEntry(capabilities, hostAddressWidth, pgtt)),
    );
  }

  /** Returns a fault reason, or 0 with the entry's words at `walk.pasidWords[walk.pasidAt]`. */
  find(walk: Walk): number {
    if (walk.usesCaches) {
      const cache = this.unit.caches.pasid;
      const at = cache.find(walk.sourceId, walk.pasid);
      if (at >= 0) {
        walk.level = 'PASID';
        walk.suppressed ||= cache.directoryFpdAt(at);
        this.take(walk, cache.words, at + PasidCache.ENTRY);
        return cache.reasonAt(at);
      }
    }
    const reason = this.fetch(walk);
    const isRefusalOfEntry = walk.level === 'PASID' && reason !== 0x58;
    // Caching mode: refusals are remembered too, under domain id 0, until software invalidates them.
    if (walk.usesCaches && (reason === 0 || (isRefusalOfEntry && this.rules.CM))) {
      const domainId = reason === 0 ? walk.domainId : 0;
      this.unit.caches.pasid.insert(
        walk.sourceId,
        walk.pasid,
        domainId,
        this.scratch,
        this.directoryFpd,
        reason,
      );
    }
    return reason;
  }

  private fetch(walk: Walk): number {
    const { memory } = this.unit;
    const { contextWords, contextAt, pasid } = walk;
    const directoryFrame = frameOf(contextWords[contextAt + 1], contextWords[contextAt]);
    const { directory, scratch } = this;
    const slot = pasid >>> 6;
    if (
      !readEntry(
        memory,
        walk,
        'PASID_DIRECTORY',
        directoryFrame,
        slot,
        PASID_DIRECTORY_ENTRY_BYTES,
        directory,
      )
    ) {
      return 0x50;
    }
    this.directoryFpd = (directory[0] & 2) !== 0;
    walk.suppressed ||= this.directoryFpd;
    if ((directory[0] & 1) === 0) return 0x51;
    if (hasAny(directory, this.directoryReserved)) return 0x52;

    const tableFrame = frameOf(directory[1], directory[0]);
    if (!readEntry(memory, walk, 'PASID', tableFrame, pasid & 63, PASID_ENTRY_BYTES, scratch)) return 0x58;
    this.take(walk, scratch, 0);
    if ((scratch[0] & 1) === 0) return 0x59;
    const pgtt = (scratch[0] >>> 6) & 7;
    if (hasAny(scratch, this.reserved[pgtt])) return 0x5a;
    return this.isProgrammedRight(scratch, pgtt) ? 0 : 0x5b;
  }

  private take(walk: Walk, words: Int32Array, at: number): void {
    walk.pasidWords = words;
    walk.pasidAt = at;
    walk.suppressed ||= (words[at] & 2) !== 0;
    walk.domainId = words[at + 2] & 0xffff;
    walk.type = (words[at] >>> 6) & 7;
  }

  private isProgrammedRight(entry: Int32Array, pgtt: number): boolean {
    const { FSTS, SSTS, NEST, PT, SAGAW, FS5LP, maxGuestAddressWidth } = this.unit.capabilities;
    const isOffered =
      (pgtt === FIRST_STAGE && FSTS) ||
      (pgtt === SECOND_STAGE && SSTS) ||
      (pgtt === NESTED && NEST) ||
      (pgtt === PASS_THROUGH && PT);
    if (!isOffered) return false;
    const aw = (entry[0] >>> 2) & 7;
    const usesSecond = pgtt === SECOND_STAGE || pgtt === NESTED;
    if (usesSecond && !isAddressWidthSupported(aw, SAGAW)) return false;
    if (pgtt !== FIRST_STAGE && pgtt !== NESTED) return true;
    const mode = (entry[4] >>> 2) & 3;
    if (mode > 1 || (mode === 1 && !FS5LP)) return false;
    if (pgtt !== NESTED) return true;
    return !exceedsWidth(entry[5], entry[4], Math.min(maxGuestAddressWidth, bitsOfAddressWidth(aw)));
  }
}
