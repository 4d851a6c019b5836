import { bitsOfAddressWidth, levelsOfAddressWidth } from '../../layout/address-width.js';
import { PASID_TRANSLATION_TYPE } from '../../layout/pasid-entry.js';
import { SECOND_STAGE } from '../../layout/second-stage.js';
import { IOTLB_FLAG } from '../caches/iotlb-words.js';
import { bitsBeyond, exceedsWidth, frameOf } from './address.js';
import type { TranslationContext } from './context.js';
import { pageOffsetMask } from './nested-walk.js';
import { setOutput } from './output.js';
import { admitsPrivileged, flagsOf, needOf, setsDirty, walksAreSnooped } from './request-needs.js';
import { type Rules, rulesOf } from './rules.js';
import { SECOND_STAGE_REASON, legacyReason } from './second-stage-reasons.js';
import { NEED_READ, NEED_WRITE, SecondStageWalker, WALK } from './second-stage-walk.js';
import type { Walk } from './walk.js';
import { SECOND_STAGE_LEVEL } from './walk-observer.js';

const PERMISSIONS_AT_ROOT = NEED_READ | NEED_WRITE;
/** Bits of words of a PASID entry, counted in 32-bit words. */
const SSADE = 1 << 9;
const PGSNP = 1 << 24;

/**
 * Step 9 through second-stage tables alone. Every method that translates returns a fault reason, or 0 with the host
 * address, page size and permissions in the walk.
 */
export class SecondStage {
  readonly walker: SecondStageWalker;
  private readonly rules: Rules;

  constructor(private readonly unit: TranslationContext) {
    this.rules = rulesOf(unit.capabilities);
    this.walker = new SecondStageWalker(unit.memory, unit.capabilities, unit.hostAddressWidth);
  }

  /** Legacy mode, TT 00 or 01. */
  legacy(walk: Walk): number {
    const { contextWords: words, contextAt: at } = walk;
    const aw = words[at + 2] & 7;
    if (this.isBeyond(walk, aw)) return 0x04;
    this.prepare(walk, false, false);
    const end = this.walk(walk, frameOf(words[at + 1], words[at]), levelsOfAddressWidth(aw));
    if (end !== WALK.MAPPED) return legacyReason(end, walk.access);
    this.grant(walk);
    return this.output(walk) ? 0 : 0x0e;
  }

  /** PGTT 010. */
  scalable(walk: Walk): number {
    const { pasidWords: words, pasidAt: at } = walk;
    const aw = (words[at] >>> 2) & 7;
    if (this.isBeyond(walk, aw)) return 0x84;
    this.prepare(walk, (words[at] & SSADE) !== 0, walksAreSnooped(walk, this.rules));
    const end = this.walk(walk, frameOf(words[at + 1], words[at]), levelsOfAddressWidth(aw));
    if (end !== WALK.MAPPED) return SECOND_STAGE_REASON[end];
    this.grant(walk);
    return this.output(walk) ? 0 : 0x87;
  }

  /**
   * After a plain request went through second-stage tables alone: tells the quick path how it went. Accessed
   * bits and permissions in other bits are none of its business.
   */
  learnRoute(walk: Walk): void {
    const { sourceId, requestTag, type, domainId, pasid } = walk;
    if (type !== 0 && type !== PASID_TRANSLATION_TYPE.SECOND_STAGE) return;
    if (walk.privileged || this.walker.keepsAccessed || this.unit.rootTable.ssirwe) return;
    const words = type === 0 ? walk.contextWords : walk.pasidWords;
    const at = type === 0 ? walk.contextAt : walk.pasidAt;
    const aw = type === 0 ? words[at + 2] & 7 : (words[at] >>> 2) & 7;
    const width = this.widthOf(aw);
    if (width <= 32 || width >= 64) return;
    this.unit.caches.routes.learn({
      sourceId,
      requestTag,
      rootFrame: frameOf(words[at + 1], words[at]),
      levels: levelsOfAddressWidth(aw),
      beyondHi: bitsBeyond(width),
      type,
      domainId,
      pasid,
      flags: this.flags(walk, 0, false),
      admitsPrivileged: admitsPrivileged(walk),
    });
  }

  private isBeyond(walk: Walk, aw: number): boolean {
    return exceedsWidth(walk.hi, walk.lo, this.widthOf(aw));
  }

  /** Bits of an input address: the smaller of MGAW and AW. */
  widthOf(aw: number): number {
    return Math.min(this.rules.maxGuestAddressWidth, bitsOfAddressWidth(aw));
  }

  /** Sets the walker up for a request. */
  prepare(walk: Walk, keepsAccessed: boolean, isSnooped: boolean): void {
    const { walker } = this;
    walker.usePermissionBits(this.unit.rootTable.ssirwe);
    walker.keepsAccessed = keepsAccessed;
    walker.isSnooped = isSnooped;
    walker.setsDirty = setsDirty(walk, this.rules);
    walker.commits = walk.commits;
    walker.observer = walk.observer;
  }

  /** From the cached table of leaves if there is one; a walk that fails from there is made again in full. */
  private walk(walk: Walk, rootFrame: number, levels: number): number {
    const { walker } = this;
    const need = needOf(walk, this.rules);
    if (walk.usesCaches) {
      const cache = this.unit.caches.pagingStructure;
      const at = cache.find(walk.sourceId, walk.requestTag, false, walk.hi, walk.lo);
      if (at >= 0) {
        const end = walker.walk(cache.frameAt(at), 1, cache.permissionsAt(at), walk.hi, walk.lo, need);
        walk.level = 'SL1';
        if (end === WALK.MAPPED) return end;
      }
    }
    const end = walker.walk(rootFrame, levels, PERMISSIONS_AT_ROOT, walk.hi, walk.lo, need);
    walk.level = SECOND_STAGE_LEVEL[walker.level];
    walk.isMissing = end === WALK.NOT_PRESENT;
    if (end === WALK.MAPPED && walker.level === 1) {
      this.remember(walk, walker.tableFrame, walker.permissionsAbove);
    }
    return end;
  }

  private remember(walk: Walk, frame: number, permissions: number): void {
    if (walk.usesCaches) this.unit.caches.pagingStructure.insert(walk, false, frame, permissions);
  }

  private grant(walk: Walk): void {
    const { walker } = this;
    walk.flags = this.flags(walk, walker.permissions, (walker.leafLo & SECOND_STAGE.SNOOP) !== 0);
    if (walker.leavesDirtyClear) walk.flags |= IOTLB_FLAG.NEEDS_DIRTY;
  }

  /** What a leaf of second-stage tables alone grants; PGSNP snoops all of them. */
  private flags(walk: Walk, permissions: number, isSnooped: boolean): number {
    const snoop = isSnooped || (walk.type !== 0 && (walk.pasidWords[walk.pasidAt + 2] & PGSNP) !== 0);
    return flagsOf(walk, permissions) | (snoop ? IOTLB_FLAG.SNOOP : 0);
  }

  private output(walk: Walk): boolean {
    const { level, leafHi, leafLo } = this.walker;
    const offset = pageOffsetMask(level);
    return setOutput(walk, leafHi, (leafLo & ~offset) | (walk.lo & offset), level);
  }
}
