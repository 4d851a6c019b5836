import { flagWord, pageTag, requesterSeed, upperWord } from './iotlb-words.js';
import { PagingStructureCache, STRUCTURE_LAYOUT } from './paging-structure-cache.js';

const ROUTES = 64;
/** Bits 31:20. Spec: VT-d 3.15 "Interrupt Address Range". */
const INTERRUPT_RANGE = 0xfee;

/** What the context entry and the PASID entry of a requester say of its ordinary requests. */
export interface RouteFacts {
  readonly sourceId: number;
  readonly requestTag: number;
  /** First table, its level, and the bits that must be clear in the upper half of an address. */
  readonly rootFrame: number;
  readonly levels: number;
  readonly beyondHi: number;
  readonly domainId: number;
  /** PASID an invalidation names. */
  readonly pasid: number;
  /** PGTT; 0 in legacy mode. */
  readonly type: number;
  /** Flags of the IOTLB entry of a leaf that grants nothing. */
  readonly flags: number;
  /** What a leaf grants, it grants with and without privilege. */
  readonly admitsPrivileged: boolean;
}

/** The same, ready for use: nothing but integers. */
export class SecondStageRoute {
  sourceId = -1;
  requestTag = 0;
  rootFrame = 0;
  levels = 0;
  /** Bits that must be clear in the upper half of an address. */
  beyondHi = 0;
  pasid = 0;
  /** Its part of the tags of IOTLB entries of 4 KiB pages and of ordinary tables, and of the places of both. */
  pageTag2 = 0;
  pageTag3 = 0;
  /** Last word of those entries: pages here have frames below 2^31. */
  pageUpper = 0;
  tableTag2 = 0;
  tableTag3 = 0;
  tableWord = 0;
  pageSeed = 0;
  tableSeed = 0;
  /** Flag word of an IOTLB entry, but for what the leaf says; and what its permissions are multiplied by. */
  flagWord = 0;
  grants = 1;

  /** Whether a request to an address goes to memory: without a PASID there is the interrupt range. */
  isOpen(hi: number, lo: number): boolean {
    return this.requestTag !== 0 || hi !== 0 || lo >>> 20 !== INTERRUPT_RANGE;
  }

  set(facts: RouteFacts): void {
    const { sourceId, requestTag, type, domainId } = facts;
    this.sourceId = sourceId;
    this.requestTag = requestTag;
    this.rootFrame = facts.rootFrame;
    this.levels = facts.levels;
    this.beyondHi = facts.beyondHi;
    this.pageTag2 = sourceId << 20;
    this.pageTag3 = pageTag(sourceId, requestTag);
    this.pageUpper = upperWord(0, facts.pasid);
    this.tableTag2 = sourceId << 11;
    this.tableTag3 = requestTag | STRUCTURE_LAYOUT.VALID | STRUCTURE_LAYOUT.ORDINARY;
    this.tableWord = PagingStructureCache.ordinaryWord(domainId);
    this.pageSeed = requesterSeed(sourceId, requestTag);
    this.tableSeed = (sourceId >>> 3) ^ requestTag;
    this.pasid = facts.pasid;
    this.flagWord = flagWord(facts.flags, type, domainId);
    this.grants = facts.admitsPrivileged ? 5 : 1;
  }
}

/**
 * What translating a request of a requester came to before it reached the second-stage tables, kept so that
 * the next request need not look at cached context and PASID entries again. It says nothing they do not say:
 * routes are forgotten as soon as an entry comes to those caches or goes from them.
 */
export class SecondStageRoutes {
  private readonly routes = Array.from({ length: ROUTES }, () => new SecondStageRoute());
  /** The route found last: most requests are of the requester of the one before. */
  last = this.routes[0];
  private isEmpty = true;

  /** The route of a requester, null when it is not known. */
  find(sourceId: number, requestTag: number): SecondStageRoute | null {
    const { last } = this;
    if (last.sourceId === sourceId && last.requestTag === requestTag) return last;
    const route = this.routes[slotOf(sourceId, requestTag)];
    if (route.sourceId !== sourceId || route.requestTag !== requestTag) return null;
    this.last = route;
    return route;
  }

  /** Frames that are no plain integer are not ordinary. */
  learn(facts: RouteFacts): void {
    const { sourceId, requestTag, rootFrame } = facts;
    if (rootFrame >= 2 ** 31 || this.find(sourceId, requestTag) !== null) return;
    this.routes[slotOf(sourceId, requestTag)].set(facts);
    this.isEmpty = false;
  }

  forget(): void {
    if (this.isEmpty) return;
    for (const route of this.routes) route.sourceId = -1;
    this.isEmpty = true;
  }
}

function slotOf(sourceId: number, requestTag: number): number {
  return (sourceId ^ (sourceId >>> 8) ^ requestTag ^ (requestTag >>> 6)) & (ROUTES - 1);
}
