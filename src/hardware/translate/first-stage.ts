import { levelsOfAddressWidth } from '../../layout/address-width.js';
import { SECOND_STAGE } from '../../layout/second-stage.js';
import { IOTLB_FLAG } from '../caches/iotlb-words.js';
import { frameOf, isCanonical } from './address.js';
import type { TranslationContext } from './context.js';
import { FirstStageWalker, GRANTED_ALL, GRANTED_EXECUTE } from './first-stage-walk.js';
import { GuestTables, pageOffsetMask } from './nested-walk.js';
import { setOutput } from './output.js';
import { admitsPrivileged, needOf, setsDirty, walksAreSnooped } from './request-needs.js';
import { type Rules, rulesOf } from './rules.js';
import type { SecondStage } from './second-stage.js';
import { NEED_READ, NEED_WRITE } from './second-stage-walk.js';
import type { Walk } from './walk.js';
import { FIRST_STAGE_LEVEL, SECOND_STAGE_LEVEL } from './walk-observer.js';

const PERMISSIONS_AT_ROOT = NEED_READ | NEED_WRITE;
/** Bits of words of a PASID entry, counted in 32-bit words. */
const SSADE = 1 << 9;
const PGSNP = 1 << 24;
const WPE = 1 << 4;
const NXE = 1 << 5;
const SMEP = 1 << 6;
const EAFE = 1 << 7;

/**
 * Step 9 through first-stage tables, by themselves or nested in second-stage ones. Both methods return a fault
 * reason, or 0 with the host address, page size and permissions in the walk.
 */
export class FirstStage {
  private readonly walker: FirstStageWalker;
  private readonly guest: GuestTables;
  private readonly rules: Rules;

  constructor(
    private readonly unit: TranslationContext,
    private readonly second: SecondStage,
  ) {
    this.rules = rulesOf(unit.capabilities);
    this.walker = new FirstStageWalker(unit.memory, unit.capabilities, unit.hostAddressWidth);
    this.guest = new GuestTables(second.walker);
  }

  /** PGTT 001. */
  alone(walk: Walk): number {
    const { walker: first } = this;
    const { pasidWords: words, pasidAt: at } = walk;
    const levels = ((words[at + 4] >>> 2) & 3) === 1 ? 5 : 4;
    if (!isCanonical(walk.hi, levels === 5 ? 57 : 48)) return 0x80;
    this.prepare(walk);
    let reason = this.resume(walk);
    if (reason !== 0) {
      const tableLo = words[at + 4] & ~0xfff;
      reason = first.walk(
        words[at + 5],
        tableLo,
        levels,
        GRANTED_ALL,
        walk.hi,
        walk.lo,
        needOf(walk, this.rules),
        null,
      );
      walk.level = FIRST_STAGE_LEVEL[first.level];
      if (reason !== 0) return reason;
      if (first.level === 1) this.remember(walk, first.tableFrame, first.grantedAbove);
    }
    walk.level = FIRST_STAGE_LEVEL[first.level];
    const offset = pageOffsetMask(first.level);
    const snoop = (words[at + 2] & PGSNP) !== 0;
    this.grant(walk, PERMISSIONS_AT_ROOT, snoop, first.leavesDirtyClear);
    const lo = (first.leafLo & ~offset) | (walk.lo & offset);
    return setOutput(walk, first.leafHi, lo, first.level) ? 0 : 0x87;
  }

  /** PGTT 011. */
  nested(walk: Walk): number {
    const { walker: first, guest } = this;
    const second = this.second.walker;
    const { pasidWords: words, pasidAt: at } = walk;
    const levels = ((words[at + 4] >>> 2) & 3) === 1 ? 5 : 4;
    if (!isCanonical(walk.hi, levels === 5 ? 57 : 48)) return 0x80;
    const aw = (words[at] >>> 2) & 7;
    const width = this.second.widthOf(aw);
    this.prepare(walk);
    this.second.prepare(walk, (words[at] & SSADE) !== 0, first.isSnooped);
    guest.configure(frameOf(words[at + 1], words[at]), levelsOfAddressWidth(aw), width);

    const tableLo = words[at + 4] & ~0xfff;
    const need = needOf(walk, this.rules);
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
    this.grant(walk, second.permissions, snoop, first.leavesDirtyClear || second.leavesDirtyClear);
    const lo = (second.leafLo & ~secondOffset) | (guestLo & secondOffset);
    return setOutput(walk, second.leafHi, lo, Math.min(first.level, second.level)) ? 0 : 0x87;
  }

  private prepare(walk: Walk): void {
    const { walker: first } = this;
    const flags = walk.pasidWords[walk.pasidAt + 4];
    const knowsExecute = this.rules.ERS && this.rules.majorVersion <= 7;
    first.privileged = walk.privileged;
    first.writeProtects = (flags & WPE) !== 0;
    first.executes = walk.execute && knowsExecute;
    first.honoursExecuteDisable = knowsExecute && (flags & NXE) !== 0;
    first.refusesUserExecution = (flags & SMEP) !== 0;
    first.marksExtended = this.rules.EAFS && (flags & EAFE) !== 0;
    first.setsDirty = setsDirty(walk, this.rules);
    first.isSnooped = walksAreSnooped(walk, this.rules);
    first.commits = walk.commits;
    first.observer = walk.observer;
  }

  /**
   * From the cached table of leaves if there is one; a walk that fails from there is made again in full. A non-zero
   * reason also when nothing is cached.
   */
  private resume(walk: Walk): number {
    if (!walk.usesCaches) return -1;
    const cache = this.unit.caches.pagingStructure;
    const at = cache.find(walk.sourceId, walk.requestTag, true, walk.hi, walk.lo);
    if (at < 0) return -1;
    const frame = cache.frameAt(at);
    const granted = cache.permissionsAt(at);
    const tableHi = Math.floor(frame / 1048576);
    return this.walker.walk(
      tableHi,
      frame << 12,
      1,
      granted,
      walk.hi,
      walk.lo,
      needOf(walk, this.rules),
      null,
    );
  }

  private remember(walk: Walk, frame: number, permissions: number): void {
    if (walk.usesCaches) this.unit.caches.pagingStructure.insert(walk, true, frame, permissions);
  }

  private grant(walk: Walk, permissions: number, snoop: boolean, needsDirty: boolean): void {
    const { walker: first } = this;
    const write = (first.granted & 1) !== 0 ? NEED_WRITE : 0;
    const user = (first.granted & 2) !== 0 ? (NEED_READ | write) & permissions : 0;
    const supervisor = (NEED_READ | (write !== 0 || !first.writeProtects ? NEED_WRITE : 0)) & permissions;
    // A request-without-PASID has its privilege from RID_PRIV; it finds its entry by the user bits.
    walk.flags = walk.hasPasid
      ? user | (admitsPrivileged(walk) ? supervisor << 2 : 0)
      : walk.privileged
        ? supervisor | (supervisor << 2)
        : user;
    if (snoop) walk.flags |= IOTLB_FLAG.SNOOP;
    if (needsDirty) walk.flags |= IOTLB_FLAG.NEEDS_DIRTY;
    if (first.executes && (first.granted & GRANTED_EXECUTE) !== 0) walk.flags |= IOTLB_FLAG.EXECUTE;
  }
}
