import { bitsOfAddressWidth, levelsOfAddressWidth } from '../../layout/address-width.js';
import { PASID_TRANSLATION_TYPE } from '../../layout/pasid-entry.js';
import { SECOND_STAGE } from '../../layout/second-stage.js';
import { IOTLB_FLAG } from '../caches/iotlb-words.js';
import { bitsBeyond, exceedsWidth, frameOf, isCanonical } from './address.js';
import type { TranslationContext } from './context.js';
import { FirstStageWalker, GRANTED_ALL, GRANTED_EXECUTE } from './first-stage-walk.js';
import { GuestTables, pageOffsetMask } from './nested-walk.js';
import { setOutput } from './output.js';
import { type Rules, rulesOf } from './rules.js';
import { SECOND_STAGE_REASON, legacyReason } from './second-stage-reasons.js';
import { NEED_READ, NEED_WRITE, SecondStageWalker, WALK } from './second-stage-walk.js';
import { REQUEST_KIND, type Walk } from './walk.js';
import { FIRST_STAGE_LEVEL, SECOND_STAGE_LEVEL } from './walk-observer.js';

const PERMISSIONS_AT_ROOT = NEED_READ | NEED_WRITE;
/** Bits of words of a PASID entry, counted in 32-bit words. */
const SSADE = 1 << 9;
const PWSNP = 1 << 23;
const PGSNP = 1 << 24;
const WPE = 1 << 4;
const NXE = 1 << 5;
const SMEP = 1 << 6;
const EAFE = 1 << 7;

/**
 * Step 9: the address itself, through one of the page tables or past them. Every method returns a fault
 * reason, or 0 with the host address, page size and permissions in the walk.
 */
export class Stages {
  readonly second: SecondStageWalker;
  readonly first: FirstStageWalker;
  private readonly guest: GuestTables;

  private readonly rules: Rules;
  private readonly hostAddressWidth: number;

  constructor(private readonly unit: TranslationContext) {
    this.rules = rulesOf(unit.capabilities);
    const { memory, capabilities, hostAddressWidth } = unit;
    this.hostAddressWidth = hostAddressWidth;
    this.second = new SecondStageWalker(memory, capabilities, hostAddressWidth);
    this.first = new FirstStageWalker(memory, capabilities, hostAddressWidth);
    this.guest = new GuestTables(this.second);
  }

  /** Legacy mode, TT 00 or 01. */
  legacy(walk: Walk): number {
    const { contextWords: words, contextAt: at } = walk;
    const aw = words[at + 2] & 7;
    if (this.isBeyond(walk, aw)) return 0x04;
    this.prepareSecond(walk, false, false);
    const end = this.walkSecond(walk, frameOf(words[at + 1], words[at]), levelsOfAddressWidth(aw));
    if (end !== WALK.MAPPED) return legacyReason(end, walk.access);
    this.grantSecond(walk);
    return this.outputSecond(walk) ? 0 : 0x0e;
  }

  /** PGTT 010. */
  secondStage(walk: Walk): number {
    const { pasidWords: words, pasidAt: at } = walk;
    const aw = (words[at] >>> 2) & 7;
    if (this.isBeyond(walk, aw)) return 0x84;
    this.prepareSecond(walk, (words[at] & SSADE) !== 0, this.walksAreSnooped(walk));
    const end = this.walkSecond(walk, frameOf(words[at + 1], words[at]), levelsOfAddressWidth(aw));
    if (end !== WALK.MAPPED) return SECOND_STAGE_REASON[end];
    this.grantSecond(walk);
    return this.outputSecond(walk) ? 0 : 0x87;
  }

  /** PGTT 001. */
  firstStage(walk: Walk): number {
    const { first } = this;
    const { pasidWords: words, pasidAt: at } = walk;
    const levels = ((words[at + 4] >>> 2) & 3) === 1 ? 5 : 4;
    if (!isCanonical(walk.hi, levels === 5 ? 57 : 48)) return 0x80;
    this.prepareFirst(walk);
    let reason = this.resumeFirst(walk);
    if (reason !== 0) {
      const tableLo = words[at + 4] & ~0xfff;
      reason = first.walk(
        words[at + 5],
        tableLo,
        levels,
        GRANTED_ALL,
        walk.hi,
        walk.lo,
        this.needOf(walk),
        null,
      );
      walk.level = FIRST_STAGE_LEVEL[first.level];
      if (reason !== 0) return reason;
      if (first.level === 1) this.remember(walk, true, first.tableFrame, first.grantedAbove);
    }
    walk.level = FIRST_STAGE_LEVEL[first.level];
    const offset = pageOffsetMask(first.level);
    const snoop = (words[at + 2] & PGSNP) !== 0;
    this.grantFirst(walk, PERMISSIONS_AT_ROOT, snoop, first.leavesDirtyClear);
    const lo = (first.leafLo & ~offset) | (walk.lo & offset);
    return setOutput(walk, first.leafHi, lo, first.level) ? 0 : 0x87;
  }

  /** PGTT 011. */
  nested(walk: Walk): number {
    const { first, second, guest } = this;
    const { pasidWords: words, pasidAt: at } = walk;
    const levels = ((words[at + 4] >>> 2) & 3) === 1 ? 5 : 4;
    if (!isCanonical(walk.hi, levels === 5 ? 57 : 48)) return 0x80;
    const aw = (words[at] >>> 2) & 7;
    const width = Math.min(this.rules.maxGuestAddressWidth, bitsOfAddressWidth(aw));
    this.prepareFirst(walk);
    this.prepareSecond(walk, (words[at] & SSADE) !== 0, first.isSnooped);
    guest.configure(frameOf(words[at + 1], words[at]), levelsOfAddressWidth(aw), width);

    const tableLo = words[at + 4] & ~0xfff;
    const need = this.needOf(walk);
    let reason = first.walk(words[at + 5], tableLo, levels, GRANTED_ALL, walk.hi, walk.lo, need, guest);
    const offset = pageOffsetMask(first.level);
    const guestLo = (first.leafLo & ~offset) | (walk.lo & offset);
    if (reason === 0) {
      const setsDirty = first.setsDirty && first.mayWrite;
      reason = guest.final(first.leafHi & 0xfffff, guestLo, need, setsDirty);
    }
    walk.level = guest.failedInSecondStage
      ? SECOND_STAGE_LEVEL[second.level]
      : FIRST_STAGE_LEVEL[first.level];
    if (reason !== 0) return reason;

    walk.level = SECOND_STAGE_LEVEL[second.level];
    const secondOffset = pageOffsetMask(second.level);
    const snoop = ((second.leafLo & SECOND_STAGE.SNOOP) | (words[at + 2] & PGSNP)) !== 0;
    this.grantFirst(walk, second.permissions, snoop, first.leavesDirtyClear || second.leavesDirtyClear);
    const lo = (second.leafLo & ~secondOffset) | (guestLo & secondOffset);
    return setOutput(walk, second.leafHi, lo, Math.min(first.level, second.level)) ? 0 : 0x87;
  }

  /** PGTT 100, legacy TT 10, and translated requests: the address goes on as it is. */
  passThrough(walk: Walk, beyondReason: number, interruptReason: number): number {
    if (exceedsWidth(walk.hi, walk.lo, this.hostAddressWidth)) return beyondReason;
    walk.flags = this.flagsOf(walk, PERMISSIONS_AT_ROOT);
    const isMemory = setOutput(walk, walk.hi, walk.lo, 1);
    walk.pageSize = 0;
    return isMemory ? 0 : interruptReason;
  }

  /**
   * After a plain request went through second-stage tables alone: tells the quick path how it went. Accessed
   * bits and permissions in other bits are none of its business.
   */
  learnRoute(walk: Walk): void {
    const { sourceId, requestTag, type, domainId, pasid } = walk;
    if (type !== 0 && type !== PASID_TRANSLATION_TYPE.SECOND_STAGE) return;
    if (walk.privileged || this.second.keepsAccessed || this.unit.rootTable.ssirwe) return;
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
      flags: this.secondFlags(walk, 0, false),
      admitsPrivileged: this.admitsPrivileged(walk),
    });
  }

  private isBeyond(walk: Walk, aw: number): boolean {
    return exceedsWidth(walk.hi, walk.lo, this.widthOf(aw));
  }

  private widthOf(aw: number): number {
    return Math.min(this.rules.maxGuestAddressWidth, bitsOfAddressWidth(aw));
  }

  /**
   * Permissions the walk must find. A translation request takes what there is; a zero-length read, where the
   * unit has ZLR, is content with write permission.
   */
  private needOf(walk: Walk): number {
    if (walk.kind === REQUEST_KIND.TRANSLATION) return 0;
    return walk.zeroLength && this.rules.ZLR ? 0 : walk.access;
  }

  /** A write sets the dirty bit; so does a translation request, unless it says it will not write. */
  private setsDirty(walk: Walk): boolean {
    return walk.kind === REQUEST_KIND.TRANSLATION
      ? !(walk.noWrite && this.rules.NWFS)
      : (walk.access & NEED_WRITE) !== 0;
  }

  /** Without snooped page walks no accessed or dirty bit can be set. */
  private walksAreSnooped(walk: Walk): boolean {
    return this.rules.SMPWCS && (walk.pasidWords[walk.pasidAt + 2] & PWSNP) !== 0;
  }

  private prepareSecond(walk: Walk, keepsAccessed: boolean, isSnooped: boolean): void {
    const { second } = this;
    second.usePermissionBits(this.unit.rootTable.ssirwe);
    second.keepsAccessed = keepsAccessed;
    second.isSnooped = isSnooped;
    second.setsDirty = this.setsDirty(walk);
    second.commits = walk.commits;
    second.observer = walk.observer;
  }

  private prepareFirst(walk: Walk): void {
    const { first } = this;
    const flags = walk.pasidWords[walk.pasidAt + 4];
    const knowsExecute = this.rules.ERS && this.rules.majorVersion <= 7;
    first.privileged = walk.privileged;
    first.writeProtects = (flags & WPE) !== 0;
    first.executes = walk.execute && knowsExecute;
    first.honoursExecuteDisable = knowsExecute && (flags & NXE) !== 0;
    first.refusesUserExecution = (flags & SMEP) !== 0;
    first.marksExtended = this.rules.EAFS && (flags & EAFE) !== 0;
    first.setsDirty = this.setsDirty(walk);
    first.isSnooped = this.walksAreSnooped(walk);
    first.commits = walk.commits;
    first.observer = walk.observer;
  }

  /** From the cached table of leaves if there is one; a walk that fails from there is made again in full. */
  private walkSecond(walk: Walk, rootFrame: number, levels: number): number {
    const { second } = this;
    const need = this.needOf(walk);
    if (walk.usesCaches) {
      const cache = this.unit.caches.pagingStructure;
      const at = cache.find(walk.sourceId, walk.requestTag, false, walk.hi, walk.lo);
      if (at >= 0) {
        const end = second.walk(cache.frameAt(at), 1, cache.permissionsAt(at), walk.hi, walk.lo, need);
        walk.level = 'SL1';
        if (end === WALK.MAPPED) return end;
      }
    }
    const end = second.walk(rootFrame, levels, PERMISSIONS_AT_ROOT, walk.hi, walk.lo, need);
    walk.level = SECOND_STAGE_LEVEL[second.level];
    walk.isMissing = end === WALK.NOT_PRESENT;
    if (end === WALK.MAPPED && second.level === 1) {
      this.remember(walk, false, second.tableFrame, second.permissionsAbove);
    }
    return end;
  }

  /** As above; a non-zero reason also when nothing is cached. */
  private resumeFirst(walk: Walk): number {
    if (!walk.usesCaches) return -1;
    const cache = this.unit.caches.pagingStructure;
    const at = cache.find(walk.sourceId, walk.requestTag, true, walk.hi, walk.lo);
    if (at < 0) return -1;
    const frame = cache.frameAt(at);
    const granted = cache.permissionsAt(at);
    const tableHi = Math.floor(frame / 1048576);
    return this.first.walk(tableHi, frame << 12, 1, granted, walk.hi, walk.lo, this.needOf(walk), null);
  }

  private remember(walk: Walk, isFirstStage: boolean, frame: number, permissions: number): void {
    if (walk.usesCaches) this.unit.caches.pagingStructure.insert(walk, isFirstStage, frame, permissions);
  }

  private grantSecond(walk: Walk): void {
    const { second } = this;
    walk.flags = this.secondFlags(walk, second.permissions, (second.leafLo & SECOND_STAGE.SNOOP) !== 0);
    if (second.leavesDirtyClear) walk.flags |= IOTLB_FLAG.NEEDS_DIRTY;
  }

  /** What a leaf of second-stage tables alone grants; PGSNP snoops all of them. */
  private secondFlags(walk: Walk, permissions: number, isSnooped: boolean): number {
    const snoop = isSnooped || (walk.type !== 0 && (walk.pasidWords[walk.pasidAt + 2] & PGSNP) !== 0);
    return this.flagsOf(walk, permissions) | (snoop ? IOTLB_FLAG.SNOOP : 0);
  }

  /** The same permissions whoever asks, where tables know no privilege. */
  private flagsOf(walk: Walk, permissions: number): number {
    const isPrivilegedOnly = walk.privileged && !walk.hasPasid;
    const privileged = this.admitsPrivileged(walk) || isPrivilegedOnly ? permissions << 2 : 0;
    return permissions | privileged;
  }

  private grantFirst(walk: Walk, permissions: number, snoop: boolean, needsDirty: boolean): void {
    const { first } = this;
    const write = (first.granted & 1) !== 0 ? NEED_WRITE : 0;
    const user = (first.granted & 2) !== 0 ? (NEED_READ | write) & permissions : 0;
    const supervisor = (NEED_READ | (write !== 0 || !first.writeProtects ? NEED_WRITE : 0)) & permissions;
    // A request-without-PASID has its privilege from RID_PRIV; it finds its entry by the user bits.
    walk.flags = walk.hasPasid
      ? user | (this.admitsPrivileged(walk) ? supervisor << 2 : 0)
      : walk.privileged
        ? supervisor | (supervisor << 2)
        : user;
    if (snoop) walk.flags |= IOTLB_FLAG.SNOOP;
    if (needsDirty) walk.flags |= IOTLB_FLAG.NEEDS_DIRTY;
    if (first.executes && (first.granted & GRANTED_EXECUTE) !== 0) walk.flags |= IOTLB_FLAG.EXECUTE;
  }

  /** SRE. Legacy mode has no privilege. */
  private admitsPrivileged(walk: Walk): boolean {
    return walk.type !== 0 && (walk.pasidWords[walk.pasidAt + 4] & 1) !== 0;
  }

  private outputSecond(walk: Walk): boolean {
    const { level, leafHi, leafLo } = this.second;
    const offset = pageOffsetMask(level);
    return setOutput(walk, leafHi, (leafLo & ~offset) | (walk.lo & offset), level);
  }
}
