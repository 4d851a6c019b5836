import { TRANSLATION_TYPE } from '../../layout/context-entry.js';
import { PASID_TRANSLATION_TYPE } from '../../layout/pasid-entry.js';
import { TRANSLATION_TABLE_MODE } from '../../layout/registers.js';
import { pasidsCovered } from '../../layout/scalable-context-entry.js';
import { IOTLB_FLAG, IOTLB_WORD } from '../caches/iotlb-words.js';
import { exceedsWidth, isInterruptAddress } from './address.js';
import { ContextLookup } from './context-lookup.js';
import type { TranslationContext } from './context.js';
import { FirstStage } from './first-stage.js';
import { setOutput } from './output.js';
import { PasidLookup } from './pasid-lookup.js';
import { flagsOf } from './request-needs.js';
import { type Rules, rulesOf } from './rules.js';
import { SecondStage } from './second-stage.js';
import { NEED_READ, NEED_WRITE } from './second-stage-walk.js';
import { refusalOfTableMode } from './table-mode.js';
import { REQUEST_KIND, type Walk } from './walk.js';

/** Outcomes of {@link Translator.run} that are not fault reasons. */
export const TRANSLATED = 0;
export const INTERRUPT = -1;

/** Bits of the first word of a scalable context entry, and of the second pair's. */
const DTE = 1 << 2;
const PASIDE = 1 << 3;
const PRE = 1 << 4;
const EPTR = 1 << 6;
const RID_PRIV = 1 << 20;
/** Bits of word 4 of a PASID entry. */
const SRE = 1 << 0;
const ERE = 1 << 1;
/** Execute requests are part of the specification up to this major version. */
const LAST_WITH_EXECUTE = 7;

/**
 * Translation, in the specification's order: a request becomes a host address or a fault reason. It works
 * on one {@link Walk} and allocates nothing; `translate.ts` makes results people can read out of it.
 * Spec: VT-d 3.4 "DMA Remapping", 7.1.3 "Fault Conditions and Remapping hardware behavior".
 */
export class Translator {
  private readonly context: ContextLookup;
  private readonly pasid: PasidLookup;
  private readonly second: SecondStage;
  private readonly first: FirstStage;

  private readonly rules: Rules;

  constructor(private readonly unit: TranslationContext) {
    this.rules = rulesOf(unit.capabilities);
    this.context = new ContextLookup(unit);
    this.pasid = new PasidLookup(unit);
    this.second = new SecondStage(unit);
    this.first = new FirstStage(unit, this.second);
  }

  /** Returns {@link TRANSLATED} with the result in the walk, {@link INTERRUPT}, or a fault reason. */
  run(walk: Walk): number {
    const { unit } = this;
    // Step 0: nothing is translated, and nothing is refused.
    const isInterrupt = !walk.hasPasid && isInterruptAddress(walk.hi, walk.lo);
    if (!unit.translationEnabled) {
      return isInterrupt && isInterruptRequest(walk) ? INTERRUPT : passUntranslated(walk);
    }
    // Step 1: the interrupt range is no memory.
    if (isInterrupt && walk.kind !== REQUEST_KIND.TRANSLATED) return this.interruptRange(walk);
    // Step 2: the table mode.
    const refused = refusalOfTableMode(unit.rootTable, this.rules, walk.hasPasid);
    if (refused !== 0) return refused;
    if (walk.hasPasid && walk.execute && this.rules.majorVersion > LAST_WITH_EXECUTE) return 0x34;
    // Translation requests must be allowed by the context entry, so they look into the IOTLB later.
    if (walk.kind === REQUEST_KIND.UNTRANSLATED && this.hitsIotlb(walk)) return TRANSLATED;
    // Steps 3 and 4: root and context entry.
    const isScalable = unit.rootTable.ttm === TRANSLATION_TABLE_MODE.SCALABLE;
    const reason = this.context.find(walk, isScalable);
    if (reason !== 0) return reason;
    return isScalable ? this.scalable(walk) : this.legacy(walk);
  }

  /** Whether a page request may be made: steps 2 to 8 without an address. Returns a fault reason or 0. */
  admit(walk: Walk): number {
    const { unit } = this;
    const refused = refusalOfTableMode(unit.rootTable, this.rules, false);
    if (refused !== 0) return refused;
    if (unit.rootTable.ttm === TRANSLATION_TABLE_MODE.LEGACY) return 0x32;
    const reason = this.context.find(walk, true);
    return reason !== 0 ? reason : this.selectPasid(walk);
  }

  /** Steps 5 to 9 of legacy mode. */
  private legacy(walk: Walk): number {
    const { contextWords: words, contextAt: at } = walk;
    const type = (words[at] >>> 2) & 3;
    walk.domainId = (words[at + 2] >>> 8) & 0xffff;
    if (walk.kind !== REQUEST_KIND.UNTRANSLATED && type !== TRANSLATION_TYPE.DEVICE_TLB) return 0x0d;
    const isPassThrough = type === TRANSLATION_TYPE.PASS_THROUGH;
    if (walk.kind === REQUEST_KIND.TRANSLATED || isPassThrough) return this.passThrough(walk, 0x04, 0x0e);
    return this.lookUpOrWalk(walk);
  }

  /** Steps 5 to 9 of scalable mode. */
  private scalable(walk: Walk): number {
    if (walk.kind === REQUEST_KIND.TRANSLATED) {
      const flags = walk.contextWords[walk.contextAt];
      if ((flags & DTE) === 0) return 0x44;
      if (walk.hasPasid && (flags & EPTR) === 0) return 0x49;
      return this.passThrough(walk, 0x83, 0x87);
    }
    const reason = this.selectPasid(walk);
    if (reason !== 0) return reason;
    const flags = walk.pasidWords[walk.pasidAt + 4];
    if (walk.execute && (flags & ERE) === 0 && this.rules.majorVersion <= LAST_WITH_EXECUTE) return 0x5c;
    if (walk.privileged && (flags & SRE) === 0) return 0x5d;
    if (walk.type === PASID_TRANSLATION_TYPE.PASS_THROUGH) return this.passThrough(walk, 0x83, 0x87);
    return this.lookUpOrWalk(walk);
  }

  /** Steps 5 to 8: which PASID table entry the request uses. */
  private selectPasid(walk: Walk): number {
    const { contextWords: words, contextAt: at } = walk;
    const flags = words[at];
    if (walk.kind === REQUEST_KIND.TRANSLATION && (flags & DTE) === 0) return 0x44;
    if (walk.kind === REQUEST_KIND.PAGE && (flags & PRE) === 0) return 0x47;
    const ridPasid = this.rules.RPS ? words[at + 2] & 0xfffff : 0;
    if (walk.hasPasid) {
      if ((flags & PASIDE) === 0) return 0x45;
      if (walk.pasid >= pasidsCovered((flags >>> 9) & 7)) return 0x46;
      // UNCONFIRMED: where the width check stands among its neighbours.
      if (walk.pasid >>> this.rules.pasidBits !== 0) return 0x89;
      if (walk.pasid === ridPasid) return 0x48;
    } else {
      walk.pasid = ridPasid;
      walk.privileged = this.rules.RPRIVS && (words[at + 2] & RID_PRIV) !== 0;
    }
    return this.pasid.find(walk);
  }

  /** Step 9, and what it leaves in the IOTLB. */
  private lookUpOrWalk(walk: Walk): number {
    if (walk.kind === REQUEST_KIND.TRANSLATION && this.hitsIotlb(walk)) return TRANSLATED;
    if (this.isKnownMissing(walk)) return missingReason(walk);
    const reason = this.translateAddress(walk);
    if (!walk.usesCaches) return reason;
    if (reason === TRANSLATED) {
      this.unit.caches.iotlb.insert(walk);
      if (walk.isPlain) this.second.learnRoute(walk);
    } else if (this.rules.CM && walk.isMissing) {
      // Caching mode reaches second-stage entries that are not present; first-stage ones are exempt.
      walk.pageSize = 4096;
      walk.flags = IOTLB_FLAG.NOT_PRESENT;
      this.unit.caches.iotlb.insert(walk);
    }
    return reason;
  }

  private translateAddress(walk: Walk): number {
    switch (walk.type) {
      case 0:
        return this.second.legacy(walk);
      case PASID_TRANSLATION_TYPE.FIRST_STAGE:
        return this.first.alone(walk);
      case PASID_TRANSLATION_TYPE.SECOND_STAGE:
        return this.second.scalable(walk);
      default:
        return this.first.nested(walk);
    }
  }

  /** PGTT 100, legacy TT 10, and translated requests: the address goes on as it is. */
  private passThrough(walk: Walk, beyondReason: number, interruptReason: number): number {
    if (exceedsWidth(walk.hi, walk.lo, this.unit.hostAddressWidth)) return beyondReason;
    walk.flags = flagsOf(walk, NEED_READ | NEED_WRITE);
    const isMemory = setOutput(walk, walk.hi, walk.lo, 1);
    walk.pageSize = 0;
    return isMemory ? 0 : interruptReason;
  }

  /**
   * Requests-without-PASID to 0xfeexxxxx. A translation request is told to send its writes untranslated,
   * or, when it will not write, that there is nothing.
   */
  private interruptRange(walk: Walk): number {
    if (walk.kind === REQUEST_KIND.TRANSLATION) {
      return walk.noWrite && this.rules.NWFS ? 0x29 : INTERRUPT;
    }
    return isInterruptRequest(walk) ? INTERRUPT : 0x29;
  }

  /**
   * A hit must still permit the access. When it does not, or a dirty bit is due, the tables are walked
   * again: they may permit more by now.
   */
  private hitsIotlb(walk: Walk): boolean {
    if (!walk.usesCaches || walk.missedIotlb || walk.execute) return false;
    const { iotlb } = this.unit.caches;
    const at = iotlb.find(walk.sourceId, walk.requestTag, walk.hi, walk.lo);
    if (at < 0) return false;
    const { words } = iotlb;
    const flags = words[at + IOTLB_WORD.FLAGS];
    const granted = flags >>> (walk.privileged && walk.hasPasid ? 2 : 0);
    if (walk.kind === REQUEST_KIND.TRANSLATION) {
      if ((granted & 3) === 0) return false;
      const willWrite = (granted & NEED_WRITE) !== 0 && !(walk.noWrite && this.rules.NWFS);
      if (willWrite && (flags & IOTLB_FLAG.NEEDS_DIRTY) !== 0) return false;
    } else {
      if ((granted & walk.access) !== walk.access) return false;
      if ((walk.access & NEED_WRITE) !== 0 && (flags & IOTLB_FLAG.NEEDS_DIRTY) !== 0) return false;
    }
    walk.takeCached(iotlb, at);
    return true;
  }

  private isKnownMissing(walk: Walk): boolean {
    if (!this.rules.CM || !walk.usesCaches) return false;
    const { iotlb } = this.unit.caches;
    const at = iotlb.find(walk.sourceId, walk.requestTag, walk.hi, walk.lo);
    return at >= 0 && (iotlb.words[at + IOTLB_WORD.FLAGS] & IOTLB_FLAG.NOT_PRESENT) !== 0;
  }
}

/** An untranslated write without PASID to the interrupt range. */
function isInterruptRequest(walk: Walk): boolean {
  return walk.kind === REQUEST_KIND.UNTRANSLATED && walk.access === NEED_WRITE;
}

function passUntranslated(walk: Walk): number {
  walk.physicalHi = walk.hi;
  walk.physicalLo = walk.lo;
  walk.pageSize = 0;
  walk.flags = 15;
  return TRANSLATED;
}

/** What a missing second-stage entry is called: in legacy mode by the permission that was wanted. */
function missingReason(walk: Walk): number {
  if (walk.type !== 0) return 0x79;
  return (walk.access & NEED_WRITE) !== 0 ? 0x05 : 0x06;
}
