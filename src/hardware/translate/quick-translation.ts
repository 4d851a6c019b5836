import type { Iotlb } from '../caches/iotlb.js';
import type { PagingStructureCache } from '../caches/paging-structure-cache.js';
import type { SecondStageRoute, SecondStageRoutes } from '../caches/second-stage-routes.js';
import { isInterruptAddress } from './address.js';
import type { RootTable, TranslationContext } from './context.js';
import { type Rules, rulesOf } from './rules.js';
import { StraightWalk } from './straight-walk.js';
import { refusalOfTableMode } from './table-mode.js';

/** Requests the table mode admits: bits of {@link QuickTranslation.admitted}. */
const PLAIN = 1;
const WITH_PASID = 2;
/** Bits 31:20 of addresses in the interrupt range, which no memory request may reach by translation. */
const INTERRUPT_FRAMES = 0xfee;

/**
 * The request path of ordinary requests: untranslated, without privilege, and answered by the IOTLB or by
 * ordinary second-stage tables of a requester met before. Every check is made that {@link Translator} makes,
 * by the same rules; as soon as one does not simply pass, nothing has happened yet and the request is that
 * one's. It works on integers and allocates nothing.
 */
export class QuickTranslation {
  /** Whether the entry found last was in the IOTLB before. */
  wasCached = false;
  private readonly iotlb: Iotlb;
  private readonly structures: PagingStructureCache;
  private readonly routes: SecondStageRoutes;
  private readonly straight: StraightWalk;
  private readonly rules: Rules;
  private rootTable: RootTable | null = null;
  private admitted = 0;

  constructor(private readonly unit: TranslationContext) {
    const { memory, capabilities, hostAddressWidth, caches } = unit;
    this.iotlb = caches.iotlb;
    this.structures = caches.pagingStructure;
    this.routes = caches.routes;
    this.rules = rulesOf(capabilities);
    this.straight = new StraightWalk(memory, capabilities, hostAddressWidth);
  }

  /**
   * Index of the IOTLB entry that answers a request; negative when this is not the place to answer it.
   *
   * @param requestTag as the IOTLB has it: 0 for a request-without-PASID
   */
  find(sourceId: number, requestTag: number, hi: number, lo: number, access: number): number {
    const { unit } = this;
    if (unit.rootTable !== this.rootTable) this.takeRootTable(unit.rootTable);
    if (unit.translationEnabled === false) return -1;
    if (requestTag === 0) {
      if ((this.admitted & PLAIN) === 0 || isInterruptAddress(hi, lo)) return -1;
    } else if ((this.admitted & WITH_PASID) === 0) {
      return -1;
    }
    const { iotlb } = this;
    const at = iotlb.find(sourceId, requestTag, hi, lo);
    if (at < 0) return this.walk(sourceId, requestTag, hi, lo, access);
    this.wasCached = true;
    return iotlb.answersPlain(at, access) ? at : -1;
  }

  private walk(sourceId: number, requestTag: number, hi: number, lo: number, access: number): number {
    const { structures, straight } = this;
    const route = this.routes.find(sourceId, requestTag);
    if (route === null || (hi & route.beyondHi) !== 0) return -1;
    const { pasid } = route;
    const known = structures.findOrdinary(sourceId, requestTag, hi, lo);
    if (known < 0) return this.walkFromRoot(route, hi, lo, access, known);
    const frame = straight.page(straight.placeOf(known), lo, access);
    if (frame < 0 || frame >>> 8 === INTERRUPT_FRAMES) return -1;
    this.wasCached = false;
    const word = route.words[straight.leafKind];
    return this.iotlb.insertPage(sourceId, requestTag, hi, lo, word, pasid, frame);
  }

  private walkFromRoot(
    route: SecondStageRoute,
    hi: number,
    lo: number,
    access: number,
    known: number,
  ): number {
    if (known !== -1) return -1;
    const { sourceId, requestTag, pasid, domainId, rootFrame, levels } = route;
    const { straight } = this;
    const table = straight.leafTable(rootFrame, levels, hi, lo);
    if (table < 0) return -1;
    const frame = straight.page(table, lo, access);
    if (frame < 0 || frame >>> 8 === INTERRUPT_FRAMES) return -1;
    this.structures.insertOrdinary(sourceId, requestTag, pasid, domainId, hi, lo, straight.frameAt(table));
    this.wasCached = false;
    const word = route.words[straight.leafKind];
    return this.iotlb.insertPage(sourceId, requestTag, hi, lo, word, pasid, frame);
  }

  private takeRootTable(rootTable: RootTable): void {
    this.rootTable = rootTable;
    this.admitted =
      (refusalOfTableMode(rootTable, this.rules, false) === 0 ? PLAIN : 0) |
      (refusalOfTableMode(rootTable, this.rules, true) === 0 ? WITH_PASID : 0);
    this.routes.forget();
  }
}
