import type { UnitCapabilities } from '../../layout/capability.js';
import { FIRST_STAGE, firstStageLargePages, reservedInFirstStage } from '../../layout/first-stage.js';
import { type HostMemory, SEGMENT_FRAMES_LG2 } from '../../memory/host-memory.js';
import { frameOf } from './address.js';
import type { GuestTables } from './nested-walk.js';
import { NEED_WRITE } from './second-stage-walk.js';
import { FIRST_STAGE_LEVEL, type WalkObserver } from './walk-observer.js';

/** Of a frame number, its place in a segment. */
const FRAME_MASK = (1 << SEGMENT_FRAMES_LG2) - 1;
const { PRESENT, WRITE, USER, ACCESSED, DIRTY, PAGE_SIZE, EXTENDED_ACCESSED } = FIRST_STAGE;
const EXECUTE_DISABLE_HI = 0x80000000 | 0;
const LEAF = 8;
/** Guest addresses are checked against the second stage, not against the host's width. */
const ANY_WIDTH = 52;

/** What the levels above a table grant, as kept by the paging-structure cache. */
export const GRANTED_WRITE = 1;
export const GRANTED_USER = 2;
export const GRANTED_EXECUTE = 4;
export const GRANTED_ALL = GRANTED_WRITE | GRANTED_USER | GRANTED_EXECUTE;

/**
 * The first-stage walk, alone or over guest tables. Spec: VT-d 3.6 "First-Stage Translation".
 *
 * At every level, in this order: where nested, the table's guest address is translated; the entry is read;
 * P; U/S; R/W for writes; execute; reserved bits; accessed and dirty bits. Returns a fault reason or 0.
 */
export class FirstStageWalker {
  /** The request has supervisor privilege. */
  privileged = false;
  /** WPE: supervisor writes need R/W as well. */
  writeProtects = false;
  /** The request executes, on a part that still knows such requests. */
  executes = false;
  /** NXE and SMEP of older parts. */
  honoursExecuteDisable = false;
  refusesUserExecution = false;
  /** EAFE: the extended accessed flag is set with the accessed one. */
  marksExtended = false;
  setsDirty = false;
  isSnooped = false;
  commits = true;
  observer: WalkObserver | null = null;

  /** Level of the last entry read. */
  level = 0;
  /** Frame of the table it is in: a host frame. */
  tableFrame = 0;
  leafHi = 0;
  leafLo = 0;
  /** What all entries together grant, and those above the last. */
  granted = 0;
  grantedAbove = 0;

  private readonly hostMasks: MaskTable;
  private readonly guestMasks: MaskTable;
  private readonly largeAt3: boolean;
  /** Parts that know execute requests reserve XD while NXE is clear. */
  private readonly knowsExecute: boolean;

  constructor(
    private readonly memory: HostMemory,
    capabilities: UnitCapabilities,
    hostAddressWidth: number,
  ) {
    this.largeAt3 = firstStageLargePages(capabilities, 3);
    this.knowsExecute = capabilities.ERS && capabilities.majorVersion <= 7;
    this.hostMasks = maskTable(hostAddressWidth);
    this.guestMasks = maskTable(ANY_WIDTH);
  }

  /**
   * Walks from a table down to a leaf.
   *
   * @param tableHi address of the first table: host physical, or guest physical when `guest` is given
   * @param top its level, 1 to 5
   * @param granted what the levels above grant: {@link GRANTED_ALL} at the root
   * @param need NEED_READ, NEED_WRITE or both; 0 when the request only asks what is granted
   * @param guest translates table addresses of a nested walk; null for a walk in host memory
   */
  walk(
    tableHi: number,
    tableLo: number,
    top: number,
    granted: number,
    hi: number,
    lo: number,
    need: number,
    guest: GuestTables | null,
  ): number {
    const masks = guest === null ? this.hostMasks : this.guestMasks;
    this.granted = granted;
    for (let level = top; ; level--) {
      this.level = level;
      let frame: number;
      if (guest === null) {
        frame = frameOf(tableHi, tableLo);
      } else {
        const reason = guest.enter(tableHi, tableLo, level === top);
        if (reason !== 0) return reason;
        frame = guest.frame;
      }
      const offset = wordOffset(level, hi, lo);
      if (!this.memory.isReadable(frame)) {
        this.observer?.visit(FIRST_STAGE_LEVEL[level], offset >>> 1, frame, offset * 4, 0, false);
        return level === top ? 0x73 : 0x70;
      }
      const segment = this.memory.segment(frame);
      const word = ((frame & FRAME_MASK) << 10) | offset;
      const entryLo = segment[word];
      const entryHi = segment[word + 1];
      if (this.observer !== null) {
        const isPresent = (entryLo & PRESENT) !== 0;
        this.observer.visit(FIRST_STAGE_LEVEL[level], offset >>> 1, frame, offset * 4, 1, isPresent);
      }
      if ((entryLo & PRESENT) === 0) return 0x71;

      const isLeaf =
        level === 1 || ((entryLo & PAGE_SIZE) !== 0 && (level === 2 || (level === 3 && this.largeAt3)));
      const denied = this.admit(entryHi, entryLo, need, isLeaf);
      if (denied !== 0) return denied;
      const mask = isLeaf ? level | LEAF : level;
      if (((entryLo & masks.lo[mask]) | (entryHi & masks.hi[mask])) !== 0) return 0x72;
      if (this.knowsExecute && !this.honoursExecuteDisable && entryHi < 0) return 0x72;
      const unmarked = this.markAccessed(frame, word, entryLo, isLeaf, guest);
      if (unmarked !== 0) return unmarked;
      if (isLeaf) {
        this.tableFrame = frame;
        this.leafHi = entryHi;
        this.leafLo = entryLo;
        return 0;
      }
      tableHi = entryHi & 0xfffff;
      tableLo = entryLo & ~0xfff;
    }
  }

  /** Whether the request may write what was found. */
  get mayWrite(): boolean {
    return (this.granted & GRANTED_WRITE) !== 0 || (this.privileged && !this.writeProtects);
  }

  /** Whether the leaf found last lacks a dirty bit that a later write would have to set. */
  get leavesDirtyClear(): boolean {
    return !(this.setsDirty && this.mayWrite) && (this.leafLo & DIRTY) === 0;
  }

  /** Gathers what an entry grants; the reason when that is not enough. */
  private admit(entryHi: number, entryLo: number, need: number, isLeaf: boolean): number {
    this.grantedAbove = this.granted;
    if ((entryLo & USER) === 0) this.granted &= ~GRANTED_USER;
    if ((entryLo & WRITE) === 0) this.granted &= ~GRANTED_WRITE;
    if ((entryHi & EXECUTE_DISABLE_HI) !== 0) this.granted &= ~GRANTED_EXECUTE;
    if ((this.granted & GRANTED_USER) === 0 && !this.privileged) return 0x81;
    if ((need & NEED_WRITE) !== 0 && !this.mayWrite) return 0x85;
    if (!this.executes) return 0;
    if (this.honoursExecuteDisable && (this.granted & GRANTED_EXECUTE) === 0) return 0x82;
    const isUserPage = isLeaf && (this.granted & GRANTED_USER) !== 0;
    return this.refusesUserExecution && this.privileged && isUserPage ? 0x82 : 0;
  }

  /** Sets accessed and dirty bits; the reason when they are missing and cannot be set. */
  private markAccessed(
    frame: number,
    word: number,
    entryLo: number,
    isLeaf: boolean,
    guest: GuestTables | null,
  ): number {
    let wanted = this.marksExtended ? ACCESSED | EXTENDED_ACCESSED : ACCESSED;
    if (isLeaf && this.setsDirty && this.mayWrite) wanted |= DIRTY;
    if ((entryLo & wanted) === wanted) return 0;
    if (!this.isSnooped) return 0x90;
    if (guest !== null) {
      const reason = guest.permitUpdate();
      if (reason !== 0) return reason;
    }
    if (this.commits) this.memory.writableSegment(frame)[word] |= wanted;
    return 0;
  }
}

/** Offset, in 32-bit words, of the entry for an address in a table of a level. */
function wordOffset(level: number, hi: number, lo: number): number {
  switch (level) {
    case 1:
      return (lo >>> 11) & 1022;
    case 2:
      return (lo >>> 20) & 1022;
    case 3:
      return ((hi & 127) << 3) | ((lo >>> 29) & 6);
    case 4:
      return (hi >>> 6) & 1022;
    default:
      return (hi >>> 15) & 1022;
  }
}

interface MaskTable {
  readonly hi: Int32Array;
  readonly lo: Int32Array;
}

function maskTable(addressWidth: number): MaskTable {
  const hi = new Int32Array(2 * LEAF);
  const lo = new Int32Array(2 * LEAF);
  for (let level = 1; level <= 5; level++) {
    for (const isLeaf of [false, true]) {
      const reserved = reservedInFirstStage(addressWidth, level, isLeaf);
      hi[isLeaf ? level | LEAF : level] = reserved.hi;
      lo[isLeaf ? level | LEAF : level] = reserved.lo;
    }
  }
  return { hi, lo };
}
