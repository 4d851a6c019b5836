import {
  SECOND_STAGE,
  type SecondStageCapabilities,
  reservedInSecondStage,
  secondStageLargePages,
} from '../../layout/second-stage.js';
import { type HostMemory, SEGMENT_FRAMES_LG2 } from '../../memory/host-memory.js';
import { StraightWalk } from './straight-walk.js';
import { SECOND_STAGE_LEVEL, type WalkObserver } from './walk-observer.js';

/** Of a frame number, its place in a segment. */
const FRAME_MASK = (1 << SEGMENT_FRAMES_LG2) - 1;
/** How a walk ended, as small integers: which fault that is depends on the table mode and is found later. */
export const WALK = {
  MAPPED: 0,
  /** R and W both clear, in one entry or in all of them together. */
  NOT_PRESENT: 1,
  NO_WRITE: 2,
  NO_READ: 3,
  RESERVED: 4,
  TOP_UNREADABLE: 5,
  ENTRY_UNREADABLE: 6,
  /** An accessed or dirty bit must be set, and page walks are not snooped. */
  NOT_SNOOPED: 7,
} as const;

/** Bits of `need` and of the permissions found. */
export const NEED_READ = 1;
export const NEED_WRITE = 2;

const { PAGE_SIZE, ACCESSED, DIRTY } = SECOND_STAGE;
/** Frames from here on are not for the straight walk. */
const FRAMES_STRAIGHT = 2 ** 31;
/** Slots of a mask table: five levels as tables, then five as leaves. */
const LEAF = 8;

/**
 * The second-stage walk. It allocates nothing, works on signed 32-bit halves and leaves its result in its own
 * fields. Spec: VT-d 3.7 "Second-Stage Translation".
 *
 * At every level, in this order: the entry is read; a missing permission ends the walk; then reserved bits;
 * then accessed and dirty bits are set. The permission check comes first because presence is permission:
 * the other fields of an entry that grants nothing have no meaning.
 */
export class SecondStageWalker {
  /** SSADE: accessed and dirty bits are kept. */
  keepsAccessed = false;
  /** The access sets the dirty bit of a page it may write. */
  setsDirty = false;
  /** Page walks are snooped, so that accessed and dirty bits can be updated. */
  isSnooped = false;
  /** False to leave memory alone. */
  commits = true;
  observer: WalkObserver | null = null;

  /** Level of the last entry read. */
  level = 0;
  /** Frame of the table it is in. */
  tableFrame = 0;
  leafHi = 0;
  leafLo = 0;
  /** Permissions of all entries together, and without the last. */
  permissions = 0;
  permissionsAbove = 0;

  private highPermissions = false;
  private reservedHi: Int32Array;
  private reservedLo: Int32Array;
  private readonly masks: readonly { readonly hi: Int32Array; readonly lo: Int32Array }[];
  private readonly straight: StraightWalk;
  private readonly largeAt2: boolean;
  private readonly largeAt3: boolean;

  constructor(
    private readonly memory: HostMemory,
    capabilities: SecondStageCapabilities,
    hostAddressWidth: number,
  ) {
    this.largeAt2 = secondStageLargePages(capabilities, 2);
    this.largeAt3 = secondStageLargePages(capabilities, 3);
    this.masks = [false, true].map((high) => maskTable(capabilities, hostAddressWidth, high));
    this.reservedHi = this.masks[0].hi;
    this.reservedLo = this.masks[0].lo;
    this.straight = new StraightWalk(memory, capabilities, hostAddressWidth);
  }

  /** SSIRWE: permissions are bits 61 and 62 of every entry instead of 0 and 1. */
  usePermissionBits(high: boolean): void {
    if (high === this.highPermissions) return;
    this.highPermissions = high;
    this.reservedHi = this.masks[Number(high)].hi;
    this.reservedLo = this.masks[Number(high)].lo;
  }

  /**
   * Walks from a table down to a leaf. The usual case is tried by itself; whatever is unusual, and every
   * fault, is left to the careful walk.
   *
   * @param frame host frame of the first table
   * @param top its level, 1 to 5
   * @param permissions what the levels above grant: 3 at the root
   * @param need permissions the access cannot do without; 0 when it only asks which there are
   * @returns a value of {@link WALK}
   */
  walk(frame: number, top: number, permissions: number, hi: number, lo: number, need: number): number {
    const isUsual = !this.keepsAccessed && !this.highPermissions && this.observer === null && need !== 0;
    if (isUsual && this.walkStraight(frame, top, permissions, hi, lo, need)) return WALK.MAPPED;
    return this.walkCarefully(frame, top, permissions, hi, lo, need);
  }

  /** The walk of ordinary tables alone; false, having done nothing, when they are not. */
  private walkStraight(
    frame: number,
    top: number,
    permissions: number,
    hi: number,
    lo: number,
    need: number,
  ): boolean {
    const { straight } = this;
    if (frame >= FRAMES_STRAIGHT) return false;
    const page =
      top === 1
        ? straight.page(straight.placeOf(frame), lo, need)
        : straight.pageOf(frame, top, hi, lo, need);
    if (page < 0 || (permissions & need) !== need) return false;
    this.level = 1;
    this.tableFrame = top === 1 ? frame : straight.frameAt(straight.leafTable);
    this.leafHi = page >>> 20;
    this.leafLo = straight.leafLo;
    this.permissions = permissions & straight.leafLo & 3;
    this.permissionsAbove = permissions & 3;
    return true;
  }

  /** Level by level, each checked before the next is read. */
  private walkCarefully(
    frame: number,
    top: number,
    permissions: number,
    hi: number,
    lo: number,
    need: number,
  ): number {
    const memory = this.memory;
    let granted = permissions;
    for (let level = top; ; level--) {
      const offset =
        level === 1
          ? (lo >>> 11) & 1022
          : level === 2
            ? (lo >>> 20) & 1022
            : level === 3
              ? ((hi & 127) << 3) | ((lo >>> 29) & 6)
              : level === 4
                ? (hi >>> 6) & 1022
                : (hi >>> 15) & 1022;
      this.level = level;
      if (!memory.isReadable(frame)) return this.unreadable(frame, offset, level === top);
      const segment = memory.segment(frame);
      const word = ((frame & FRAME_MASK) << 10) | offset;
      const entryLo = segment[word];
      const entryHi = segment[word + 1];
      const present = this.highPermissions ? (entryHi >>> 29) & 3 : entryLo & 3;
      if (this.observer !== null) this.observe(frame, offset, present !== 0);
      this.permissionsAbove = granted;
      granted &= present;
      if ((granted & need) !== need || granted === 0) return refusal(present, granted, need);

      const isLeaf =
        level === 1 ||
        ((entryLo & PAGE_SIZE) !== 0 && ((level === 2 && this.largeAt2) || (level === 3 && this.largeAt3)));
      const mask = isLeaf ? level | LEAF : level;
      if (((entryLo & this.reservedLo[mask]) | (entryHi & this.reservedHi[mask])) !== 0) return WALK.RESERVED;
      if (this.keepsAccessed && !this.markAccessed(frame, word, entryLo, isLeaf, granted)) {
        return WALK.NOT_SNOOPED;
      }
      if (isLeaf) {
        this.tableFrame = frame;
        this.leafHi = entryHi;
        this.leafLo = entryLo;
        this.permissions = granted;
        return WALK.MAPPED;
      }
      frame = (entryHi & 0xfffff) * 1048576 + (entryLo >>> 12);
    }
  }

  /** Whether the leaf found last lacks a dirty bit that a later write would have to set. */
  get leavesDirtyClear(): boolean {
    return this.keepsAccessed && !this.setsDirty && (this.leafLo & DIRTY) === 0;
  }

  private markAccessed(
    frame: number,
    word: number,
    entryLo: number,
    isLeaf: boolean,
    granted: number,
  ): boolean {
    const wanted = isLeaf && this.setsDirty && (granted & NEED_WRITE) !== 0 ? ACCESSED | DIRTY : ACCESSED;
    if ((entryLo & wanted) === wanted) return true;
    if (!this.isSnooped) return false;
    if (this.commits) this.memory.writableSegment(frame)[word] |= wanted;
    return true;
  }

  private unreadable(frame: number, offset: number, isTop: boolean): number {
    this.observer?.visit(SECOND_STAGE_LEVEL[this.level], offset >>> 1, frame, offset * 4, 0, false);
    return isTop ? WALK.TOP_UNREADABLE : WALK.ENTRY_UNREADABLE;
  }

  private observe(frame: number, offset: number, isPresent: boolean): void {
    this.observer?.visit(SECOND_STAGE_LEVEL[this.level], offset >>> 1, frame, offset * 4, 1, isPresent);
  }
}

/** An atomic operation that may neither read nor write is reported as a write. UNCONFIRMED in the specification. */
function refusal(present: number, granted: number, need: number): number {
  if (present === 0 || granted === 0) return WALK.NOT_PRESENT;
  return (need & NEED_WRITE) !== 0 && (granted & NEED_WRITE) === 0 ? WALK.NO_WRITE : WALK.NO_READ;
}

function maskTable(capabilities: SecondStageCapabilities, hostAddressWidth: number, high: boolean) {
  const hi = new Int32Array(2 * LEAF);
  const lo = new Int32Array(2 * LEAF);
  for (let level = 1; level <= 5; level++) {
    for (const isLeaf of [false, true]) {
      const reserved = reservedInSecondStage(capabilities, hostAddressWidth, high, level, isLeaf);
      hi[isLeaf ? level | LEAF : level] = reserved.hi;
      lo[isLeaf ? level | LEAF : level] = reserved.lo;
    }
  }
  return { hi, lo };
}
