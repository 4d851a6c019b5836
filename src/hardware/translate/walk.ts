import type { DmaRequest, WalkLevel } from '../request.js';
import type { Iotlb } from '../caches/iotlb.js';
import { IOTLB_WORD, requestTagOf } from '../caches/iotlb-words.js';
import { NEED_READ, NEED_WRITE } from './second-stage-walk.js';
import type { WalkObserver } from './walk-observer.js';

/** Which kind of request is under way. A page request asks for no translation, only whether it may be made. */
export const REQUEST_KIND = { UNTRANSLATED: 0, TRANSLATION: 1, TRANSLATED: 2, PAGE: 3 } as const;

const KIND_OF = { UNTRANSLATED: 0, TRANSLATION_REQUEST: 1, TRANSLATED: 2 } as const;
const NEED_OF = { READ: NEED_READ, WRITE: NEED_WRITE, ATOMIC: NEED_READ | NEED_WRITE } as const;

/**
 * One request on its way through the tables: what it asks, where it stands, what was found. A unit has one
 * and uses it again for every request, so that translating allocates nothing.
 */
export class Walk {
  sourceId = 0;
  hasPasid = false;
  /** PASID of the request; once the context entry is known, RID_PASID for a request-without-PASID. */
  pasid = 0;
  /** Its tag in the IOTLB. */
  requestTag = 0;
  hi = 0;
  lo = 0;
  /** NEED_READ and NEED_WRITE as the request type says. */
  access = 0;
  kind: number = REQUEST_KIND.UNTRANSLATED;
  /** PR of the request; once the context entry is known, RID_PRIV for a request-without-PASID. */
  privileged = false;
  execute = false;
  noWrite = false;
  zeroLength = false;
  /** False to look at memory alone. */
  usesCaches = true;
  /** The IOTLB was asked already. */
  missedIotlb = false;
  /** False to change nothing: no cache filled, no accessed bit set. */
  commits = true;
  observer: WalkObserver | null = null;

  /** Table read last. */
  level: WalkLevel | null = null;
  /** An entry met on the way has FPD set: qualified faults leave no record. */
  suppressed = false;
  /** Where the context entry's words are: a cache, or scratch filled from memory. */
  contextWords: Int32Array = EMPTY;
  contextAt = 0;
  /** Where the PASID entry's words are. */
  pasidWords: Int32Array = EMPTY;
  pasidAt = 0;
  domainId = 0;
  /** PGTT; 0 in legacy mode. */
  type = 0;

  /** Host address found. */
  physicalHi = 0;
  physicalLo = 0;
  /** Bytes of the page; 0 when addresses pass as they are. */
  pageSize = 0;
  /** Bits of IOTLB_FLAG. */
  flags = 0;
  cached = false;
  /** The second stage has no entry for the address, as opposed to one that grants too little. */
  isMissing = false;

  /** Takes up a request. */
  begin(request: DmaRequest): void {
    const { hi, lo } = request.address;
    this.start(
      request.sourceId,
      request.pasid ?? -1,
      hi | 0,
      lo | 0,
      NEED_OF[request.type],
      KIND_OF[request.addressType],
    );
    this.privileged = this.hasPasid && request.privileged;
    this.execute = this.hasPasid && request.execute;
    this.noWrite = request.noWrite;
    this.zeroLength = request.zeroLength && request.type === 'READ';
  }

  /** An access without privilege that is to be translated and done: what nearly all requests are. */
  get isPlain(): boolean {
    return this.kind === REQUEST_KIND.UNTRANSLATED && !this.privileged && !this.execute && !this.zeroLength;
  }

  /** Takes the answer from an entry of the IOTLB. */
  takeCached(iotlb: Iotlb, at: number): void {
    const offsetMask = iotlb.offsetMaskAt(at);
    this.flags = iotlb.words[at + IOTLB_WORD.FLAGS];
    this.physicalHi = iotlb.physicalHiAt(at);
    this.physicalLo = iotlb.physicalLoAt(at) | (this.lo & offsetMask);
    this.pageSize = offsetMask + 1;
    this.cached = true;
  }

  /** @param pasid negative for a request-without-PASID */
  start(sourceId: number, pasid: number, hi: number, lo: number, access: number, kind: number): void {
    this.sourceId = sourceId;
    this.hasPasid = pasid >= 0;
    this.pasid = pasid >= 0 ? pasid : 0;
    this.requestTag = pasid >= 0 ? requestTagOf(pasid) : 0;
    this.hi = hi;
    this.lo = lo;
    this.access = access;
    this.kind = kind;
    this.privileged = false;
    this.execute = false;
    this.noWrite = false;
    this.zeroLength = false;
    this.level = null;
    this.suppressed = false;
    this.domainId = 0;
    this.type = 0;
    this.flags = 0;
    this.cached = false;
    this.missedIotlb = false;
    this.isMissing = false;
  }
}

const EMPTY = new Int32Array(0);
