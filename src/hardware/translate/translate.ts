import type { Iova } from '../../bits/address.js';
import { isQualified } from '../../layout/fault-reasons.js';
import type { AddressType, DmaRequest, PageAccess, TranslationResult } from '../request.js';
import type { Iotlb } from '../caches/iotlb.js';
import { IOTLB_FLAG } from '../caches/iotlb-words.js';
import { answerOf, isReported } from './completion.js';
import type { TranslationContext } from './context.js';
import { type Rules, rulesOf } from './rules.js';
import { QuickTranslation } from './quick-translation.js';
import { NEED_READ, NEED_WRITE } from './second-stage-walk.js';
import { INTERRUPT, TRANSLATED, Translator } from './translator.js';
import { REQUEST_KIND, Walk } from './walk.js';

const TYPE_OF_ACCESS = ['READ', 'READ', 'WRITE', 'ATOMIC'] as const;
const ADDRESS_TYPE: readonly AddressType[] = [
  'UNTRANSLATED',
  'TRANSLATION_REQUEST',
  'TRANSLATED',
  'UNTRANSLATED',
];

/** What of a page request matters here. */
export interface PageQuestion {
  readonly sourceId: number;
  /** Null for a request-without-PASID. */
  readonly pasid: number | null;
  readonly address: Iova;
  readonly read: boolean;
  readonly write: boolean;
  readonly privileged: boolean;
  readonly execute: boolean;
}

/** What the tables say to a page request. */
export type PageAdmission =
  | { readonly admitted: false }
  | {
      readonly admitted: true;
      /** PGTT of the PASID entry. */
      readonly type: number;
      readonly domainId: number;
      /** Its own PASID, or RID_PASID. */
      readonly pasid: number;
    };

/** The translation of one unit: {@link Translator} with results, faults and an entry that allocates nothing. */
export class UnitTranslation {
  private readonly iotlb: Iotlb;
  private readonly quick: QuickTranslation;
  private readonly translator: Translator;
  private readonly walk = new Walk();

  private readonly rules: Rules;

  constructor(private readonly unit: TranslationContext) {
    this.rules = rulesOf(unit.capabilities);
    this.iotlb = unit.caches.iotlb;
    this.quick = new QuickTranslation(unit);
    this.translator = new Translator(unit);
  }

  /** Translates a request: caches are used and filled, accessed and dirty bits set, a refusal reported. */
  translate(request: DmaRequest): TranslationResult {
    const { walk, quick, iotlb } = this;
    walk.begin(request);
    if (walk.isPlain) {
      quick.wasCached = true;
      const at = quick.find(walk.sourceId, walk.requestTag, walk.hi, walk.lo, walk.access);
      if (at >= 0) {
        walk.takeCached(iotlb, at);
        walk.cached = quick.wasCached;
        return this.resultOf(walk, TRANSLATED);
      }
    }
    return this.resultOf(walk, this.translator.run(walk));
  }

  /** What a request would get now by the tables in memory, changing nothing. */
  probe(walk: Walk, request: DmaRequest): TranslationResult {
    walk.begin(request);
    return this.resultOf(walk, this.translator.run(walk));
  }

  /**
   * An untranslated user access, its answer in {@link physicalHi} and {@link physicalLo}.
   *
   * @param pasid -1 for a request-without-PASID
   * @param hi upper half of the address, and
   * @param lo lower half, as signed 32-bit integers
   * @param access NEED_READ, NEED_WRITE or both
   * @returns 0, or the fault reason (reported as ever), or -1 for an interrupt
   */
  translateFast(sourceId: number, pasid: number, hi: number, lo: number, access: number): number {
    const { quick, iotlb } = this;
    const at = quick.find(sourceId, pasid < 0 ? 0 : iotlb.requestTag(pasid), hi, lo, access);
    return at >= 0 ? 0 : this.translateSlowly(sourceId, pasid, hi, lo, access);
  }

  /** Halves of the address found by {@link translateFast}, signed. */
  get physicalHi(): number {
    return this.quick.physicalHi;
  }

  get physicalLo(): number {
    return this.quick.physicalLo;
  }

  /** Looks a page request up in the tables; a refusal is reported as its fault. */
  admitPageRequest(request: PageQuestion): PageAdmission {
    const { walk, unit } = this;
    if (!unit.translationEnabled) return { admitted: false };
    const { sourceId, pasid, address, read, write } = request;
    const access = (read ? NEED_READ : 0) | (write ? NEED_WRITE : 0);
    walk.start(sourceId, pasid ?? -1, address.hi | 0, address.lo | 0, access, REQUEST_KIND.PAGE);
    walk.privileged = walk.hasPasid && request.privileged;
    walk.execute = walk.hasPasid && request.execute;
    const reason = this.translator.admit(walk);
    if (reason === 0) return { admitted: true, type: walk.type, domainId: walk.domainId, pasid: walk.pasid };
    this.report(walk, reason);
    return { admitted: false };
  }

  private translateSlowly(sourceId: number, pasid: number, hi: number, lo: number, access: number): number {
    const { walk } = this;
    walk.start(sourceId, pasid, hi, lo, access, REQUEST_KIND.UNTRANSLATED);
    walk.missedIotlb = true;
    const outcome = this.translator.run(walk);
    this.quick.physicalHi = walk.physicalHi;
    this.quick.physicalLo = walk.physicalLo;
    if (outcome > 0) this.report(walk, outcome);
    return outcome;
  }

  private resultOf(walk: Walk, outcome: number): TranslationResult {
    if (outcome === INTERRUPT) return { kind: 'INTERRUPT' };
    if (outcome !== TRANSLATED) return this.refused(walk, outcome);
    const access = accessOf(walk, this.rules.NWFS);
    // A translation request learns its permissions from the answer; having none is the empty answer.
    if (!access.read && !access.write) return this.refused(walk, walk.type === 0 ? 0x06 : 0x86);
    return {
      kind: 'TRANSLATED',
      physical: (walk.physicalHi >>> 0) * 4294967296 + (walk.physicalLo >>> 0),
      pageSize: walk.pageSize,
      access,
      cached: walk.cached,
      snoop: (walk.flags & IOTLB_FLAG.SNOOP) !== 0,
    };
  }

  private refused(walk: Walk, reason: number): TranslationResult {
    const { level, kind } = walk;
    const answer = answerOf(reason, kind);
    const recorded = isReported(reason, answer) && this.report(walk, reason);
    return answer === 'EMPTY'
      ? { kind: 'EMPTY', reason, recorded, level }
      : { kind: 'BLOCKED', reason, completion: answer, recorded, level };
  }

  /** Hands the fault to the unit; for a walk that changes nothing, says whether it would be recorded. */
  private report(walk: Walk, reason: number): boolean {
    const suppressed = walk.suppressed && isQualified(reason);
    if (!walk.commits) return !suppressed;
    return this.unit.recordFault({
      sourceId: walk.sourceId,
      pasid: walk.hasPasid ? walk.pasid : null,
      addressHi: walk.hi,
      addressLo: walk.lo,
      type: walk.kind === REQUEST_KIND.PAGE ? 'PAGE_REQUEST' : TYPE_OF_ACCESS[walk.access],
      addressType: ADDRESS_TYPE[walk.kind],
      privileged: walk.privileged,
      execute: walk.execute,
      reason,
      suppressed,
    });
  }
}

/** Permissions for the requester's privilege. */
function accessOf(walk: Walk, knowsNoWrite: boolean): PageAccess {
  const granted = walk.flags >>> (walk.privileged && walk.hasPasid ? 2 : 0);
  const declinesWrite = walk.kind === REQUEST_KIND.TRANSLATION && walk.noWrite && knowsNoWrite;
  return {
    read: (granted & NEED_READ) !== 0,
    write: (granted & NEED_WRITE) !== 0 && !declinesWrite,
    execute: (walk.flags & IOTLB_FLAG.EXECUTE) !== 0,
    privileged: walk.privileged,
  };
}

const TRANSLATIONS = new WeakMap<TranslationContext, UnitTranslation>();

/** The translation of a unit; made when first asked for. */
export function translationOf(unit: TranslationContext): UnitTranslation {
  const known = TRANSLATIONS.get(unit);
  if (known !== undefined) return known;
  const made = new UnitTranslation(unit);
  TRANSLATIONS.set(unit, made);
  return made;
}

/** Translates a request at a unit. Spec: VT-d 3.4 "DMA Remapping". */
export function translateRequest(unit: TranslationContext, request: DmaRequest): TranslationResult {
  return translationOf(unit).translate(request);
}
