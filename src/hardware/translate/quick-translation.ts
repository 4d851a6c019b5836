import type { Iotlb } from '../caches/iotlb.js';
import { IOTLB_FLAG, IOTLB_LAYOUT, IOTLB_WORD } from '../caches/iotlb-words.js';
import { type PagingStructureCache, STRUCTURE_LAYOUT } from '../caches/paging-structure-cache.js';
import type { SecondStageRoute, SecondStageRoutes } from '../caches/second-stage-routes.js';
import { isInterruptAddress } from './address.js';
import type { TranslationContext } from './context.js';
import { type Rules, rulesOf } from './rules.js';
import { NEED_WRITE } from './second-stage-walk.js';
import { StraightWalk } from './straight-walk.js';
import { refusalOfTableMode } from './table-mode.js';

// What is known of places in the caches is taken over into constants of this module, because a constant of
// another one is looked up at every use.
const { SETS_LG2, STRIDE_LG2, ENTRIES, FREE_WAYS, HOLDS_LARGE } = IOTLB_LAYOUT;
const SETS = 1 << SETS_LG2;
const SET_MASK = SETS - 1;
const PAGE_MASK = IOTLB_LAYOUT.SLOTS - 1;
const { TAG2, TAG3, FLAGS, FRAME, FRAME_HI } = IOTLB_WORD;
const SLOT_MASK = STRUCTURE_LAYOUT.SLOTS - 1;
const TABLE_VALID = STRUCTURE_LAYOUT.VALID;
const HELD = STRUCTURE_LAYOUT.HELD;
const SLOT = STRUCTURE_LAYOUT.STRIDE;
const WRITE: number = NEED_WRITE;
const { FAR, SNOOP } = IOTLB_FLAG;
/** From bit 11 of a leaf to the bit of snooped pages. */
const SNOOP_SHIFT = 6;
/** Places of tables in a slab, which has at most 64 MiB. */
const PLACE_MASK = 0x3fff000;
/** From the bit of write permission to the one that says a dirty bit must be set first. */
const NEEDS_DIRTY = IOTLB_FLAG.NEEDS_DIRTY / NEED_WRITE;
/** Frames of the interrupt range, 256 of them, which no memory request may reach by translation. */
const INTERRUPT_RANGE = 0xfee;

/**
 * The request path of ordinary requests: untranslated, without privilege, and answered by the IOTLB or by
 * ordinary second-stage tables of a requester met before. Every check is made that {@link Translator} makes,
 * by the same rules; as soon as one does not simply pass, nothing has happened yet and the request is that
 * one's. It works on integers and allocates nothing.
 */
export class QuickTranslation extends StraightWalk {
  /** Halves of the address found last, signed. */
  physicalHi = 0;
  physicalLo = 0;
  /** Becomes false when the answer is not from the IOTLB. */
  wasCached = true;
  private readonly iotlb: Iotlb;
  private readonly pages: Int32Array;
  private readonly structures: PagingStructureCache;
  private readonly tables: Int32Array;
  private readonly routes: SecondStageRoutes;
  private readonly rules: Rules;

  constructor(private readonly unit: TranslationContext) {
    const { capabilities, caches } = unit;
    super(unit.memory, capabilities, unit.hostAddressWidth);
    this.iotlb = caches.iotlb;
    this.pages = caches.iotlb.words;
    this.structures = caches.pagingStructure;
    this.tables = caches.pagingStructure.words;
    this.routes = caches.routes;
    this.rules = rulesOf(capabilities);
  }

  /**
   * Index of the IOTLB entry that answers a request, the address with it; negative when this is not the place
   * to answer it.
   *
   * @param requestTag as the IOTLB has it: 0 for a request-without-PASID
   */
  find(sourceId: number, requestTag: number, hi: number, lo: number, access: number): number {
    const route = this.routes.last;
    if (route.sourceId !== sourceId || route.requestTag !== requestTag) {
      return this.findForAnother(sourceId, requestTag, hi, lo, access);
    }
    const { pages } = this;
    const page = (lo >>> 12) | (hi << 20);
    const at = (page ^ (page >>> SETS_LG2) ^ route.pageSeed) & PAGE_MASK;
    if (pages[at] !== page) return this.findFurther(hi, lo, access);
    const entry = ENTRIES + (at << STRIDE_LG2);
    if (pages[entry + TAG3] !== route.pageTag3 || pages[entry + TAG2] !== ((hi >>> 12) | route.pageTag2)) {
      return this.findByAllTags(route, hi, lo, access);
    }
    const wanted = access | FAR | ((access & WRITE) * NEEDS_DIRTY);
    if ((pages[entry + FLAGS] & wanted) !== access) return -1;
    const frame = pages[entry + FRAME];
    this.physicalHi = frame >>> 20;
    this.physicalLo = (frame << 12) | (lo & 0xfff);
    return entry;
  }

  /**
   * The first way of asking failed: there is an entry of a larger page, or a table to look into. What is rare
   * is left by a return, because where ways meet again the engine forgets what it knew; and all is in one
   * piece, too long to be made part of {@link find}, because a hit pays for every step around it.
   */
  private findFurther(hi: number, lo: number, access: number): number {
    const { pages, tables } = this;
    const route = this.routes.last;
    const page = (lo >>> 12) | (hi << 20);
    const at = (page ^ (page >>> SETS_LG2) ^ route.pageSeed) & PAGE_MASK;
    if (
      pages[at ^ SETS] === page ||
      pages[at ^ (2 * SETS)] === page ||
      pages[at ^ (3 * SETS)] === page ||
      pages[HOLDS_LARGE] !== 0
    ) {
      return this.findByAllTags(route, hi, lo, access);
    }
    const number = (lo >>> 21) | (hi << 11);
    const slot = ((number ^ route.tableSeed) & SLOT_MASK) * SLOT;
    if (tables[slot] !== number) return this.findInTables(route, hi, lo, access);
    const isOrdinary =
      tables[slot | 2] === route.tableTag3 &&
      tables[slot | 1] === ((hi >>> 21) | route.tableTag2) &&
      (hi & route.beyondHi) === 0 &&
      route.isOpen(hi, lo);
    if (!isOrdinary) return -1;
    if (this.memory.slab !== this.slab) this.takeSlab();
    const { slab } = this;
    const table = tables[slot | 3] ^ this.first;
    if ((table & (this.checkedLo >> 12)) !== 0) return -1;
    const place = ((table << 12) & PLACE_MASK) | ((lo >>> 9) & 4088);
    const leafLo = slab.getInt32(place, true);
    const leafHi = slab.getInt32(place | 4, true);
    const isOdd = ((~leafLo & access) | (leafLo & this.reservedLo) | (leafHi & this.unusualHi)) !== 0;
    const frame = (leafHi << 20) | (leafLo >>> 12);
    if (isOdd || frame >>> 8 === INTERRUPT_RANGE) return -1;
    return this.fill(route, hi, lo, frame, leafLo);
  }

  private findByAllTags(route: SecondStageRoute, hi: number, lo: number, access: number): number {
    if (!route.isOpen(hi, lo)) return -1;
    const { sourceId, requestTag } = route;
    const found = this.iotlb.find(sourceId, requestTag, hi, lo);
    if (found >= 0) return this.answer(found, lo, access);
    // A table known to the cache must be used, so it is asked by all tags as well.
    if (this.structures.find(sourceId, requestTag, false, hi, lo) >= 0) return -1;
    return this.findInTables(route, hi, lo, access);
  }

  /** From the first table down, where no cache knows anything of the address. */
  private findInTables(route: SecondStageRoute, hi: number, lo: number, access: number): number {
    if ((hi & route.beyondHi) !== 0 || !route.isOpen(hi, lo)) return -1;
    const frame = this.pageOf(route.rootFrame, route.levels, hi, lo, access);
    if (frame < 0 || frame >>> 8 === INTERRUPT_RANGE) return -1;
    const entry = this.fill(route, hi, lo, frame, this.leafLo);
    const { tables } = this;
    const number = (lo >>> 21) | (hi << 11);
    const slot = ((number ^ route.tableSeed) & SLOT_MASK) * SLOT;
    if ((tables[slot + 2] & TABLE_VALID) === 0) tables[HELD]++;
    tables[slot] = number;
    tables[slot + 1] = (hi >>> 21) | route.tableTag2;
    tables[slot + 2] = route.tableTag3;
    tables[slot + 3] = this.frameAt(this.leafTable);
    tables[slot + 4] = route.tableWord;
    tables[slot + 5] = route.pasid;
    return entry;
  }

  /** Puts a page into the IOTLB, which does not know it. */
  private fill(route: SecondStageRoute, hi: number, lo: number, frame: number, leafLo: number): number {
    const { pages } = this;
    const page = (lo >>> 12) | (hi << 20);
    let at = (page ^ (page >>> SETS_LG2) ^ route.pageSeed) & PAGE_MASK;
    if (pages[FREE_WAYS + (at & SET_MASK)] !== 0) at = this.iotlb.placeFor(at) & PAGE_MASK;
    const entry = ENTRIES + (at << STRIDE_LG2);
    pages[at] = page;
    pages[entry + TAG2] = (hi >>> 12) | route.pageTag2;
    pages[entry + TAG3] = route.pageTag3;
    pages[entry + FLAGS] =
      route.flagWord | ((leafLo & 3) * route.grants) | ((leafLo >>> SNOOP_SHIFT) & SNOOP);
    pages[entry + FRAME] = frame;
    pages[entry + FRAME_HI] = route.pageUpper;
    this.wasCached = false;
    this.physicalHi = frame >>> 20;
    this.physicalLo = (frame << 12) | (lo & 0xfff);
    return entry;
  }

  /** Takes the address from an entry, if it permits the access and no dirty bit must be set first. */
  private answer(at: number, lo: number, access: number): number {
    const { pages } = this;
    const wanted = access | ((access & WRITE) * NEEDS_DIRTY);
    if ((pages[at + FLAGS] & wanted) !== access) return -1;
    this.physicalHi = this.iotlb.physicalHiAt(at);
    this.physicalLo = this.iotlb.physicalLoAt(at) | (lo & this.iotlb.offsetMaskAt(at));
    return at;
  }

  /** The request is of another requester than the last. */
  private findForAnother(
    sourceId: number,
    requestTag: number,
    hi: number,
    lo: number,
    access: number,
  ): number {
    if (this.routes.find(sourceId, requestTag) !== null)
      return this.find(sourceId, requestTag, hi, lo, access);
    const { unit } = this;
    if (!unit.translationEnabled || (requestTag === 0 && isInterruptAddress(hi, lo))) return -1;
    if (refusalOfTableMode(unit.rootTable, this.rules, requestTag !== 0) !== 0) return -1;
    const at = this.iotlb.find(sourceId, requestTag, hi, lo);
    return at < 0 ? -1 : this.answer(at, lo, access);
  }
}
