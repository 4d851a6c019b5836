import { exceedsWidth, frameOf } from './address.js';
import { SECOND_STAGE_REASON } from './second-stage-reasons.js';
import { NEED_READ, NEED_WRITE, type SecondStageWalker, WALK } from './second-stage-walk.js';

/**
 * First-stage tables in guest physical memory: each table address goes through the second stage first.
 * Spec: VT-d 3.8 "Nested Translation".
 */
export class GuestTables {
  /** Host frame of the table entered last. */
  frame = 0;
  /** Whether the last reason came from the second stage. */
  failedInSecondStage = false;

  private rootFrame = 0;
  private rootLevel = 0;
  private addressWidth = 0;
  private tableHi = 0;
  private tableLo = 0;

  constructor(private readonly second: SecondStageWalker) {}

  /** @param addressWidth guest addresses have no bit at or above it: the smaller of MGAW and AW */
  configure(rootFrame: number, rootLevel: number, addressWidth: number): void {
    this.rootFrame = rootFrame;
    this.rootLevel = rootLevel;
    this.addressWidth = addressWidth;
    this.failedInSecondStage = false;
  }

  /** Finds the host frame of a first-stage table for reading. */
  enter(hi: number, lo: number, isTop: boolean): number {
    if (exceedsWidth(hi, lo, this.addressWidth)) return 0x74;
    this.tableHi = hi;
    this.tableLo = lo;
    const end = this.walkSecond(hi, lo, NEED_READ, false);
    if (end === WALK.NO_READ) return isTop ? 0x75 : 0x76;
    if (end === WALK.MAPPED) this.frame = this.frameFor(lo);
    return SECOND_STAGE_REASON[end];
  }

  /**
   * Whether the table entered last may be written, to set accessed and dirty bits. An observer saw this walk
   * already, when the table was entered.
   */
  permitUpdate(): number {
    const { second } = this;
    const { observer } = second;
    second.observer = null;
    const end = this.walkSecond(this.tableHi, this.tableLo, NEED_READ | NEED_WRITE, true);
    second.observer = observer;
    return end === WALK.NO_WRITE ? 0x77 : SECOND_STAGE_REASON[end];
  }

  /** The final guest address through the second stage, with the access of the request. */
  final(hi: number, lo: number, need: number, setsDirty: boolean): number {
    if (exceedsWidth(hi, lo, this.addressWidth)) return 0x74;
    return SECOND_STAGE_REASON[this.walkSecond(hi, lo, need, setsDirty)];
  }

  private walkSecond(hi: number, lo: number, need: number, setsDirty: boolean): number {
    this.second.setsDirty = setsDirty;
    const end = this.second.walk(this.rootFrame, this.rootLevel, 3, hi, lo, need);
    this.failedInSecondStage = end !== WALK.MAPPED;
    return end;
  }

  private frameFor(lo: number): number {
    const { level, leafHi, leafLo } = this.second;
    const offset = pageOffsetMask(level);
    return frameOf(leafHi, (leafLo & ~offset) | (lo & offset));
  }
}

/** Offset bits of a page whose leaf is at a level: 1 4 KiB, 2 2 MiB, 3 1 GiB. */
export function pageOffsetMask(level: number): number {
  return level === 1 ? 0xfff : level === 2 ? 0x1fffff : 0x3fffffff;
}
