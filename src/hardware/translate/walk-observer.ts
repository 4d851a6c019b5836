import type { WalkLevel } from '../request.js';

/** Is told of every table entry a walk reads; a trace is one, ordinary walks have none. */
export interface WalkObserver {
  /**
   * @param frame host frame of the table
   * @param byte offset of the entry in the frame
   * @param words 64-bit words of the entry; 0 when it cannot be read
   */
  visit(
    level: WalkLevel,
    index: number,
    frame: number,
    byte: number,
    words: number,
    isPresent: boolean,
  ): void;
}

/** Names of second-stage and first-stage tables by level number. */
export const SECOND_STAGE_LEVEL: readonly WalkLevel[] = ['SL1', 'SL1', 'SL2', 'SL3', 'SL4', 'SL5'];
export const FIRST_STAGE_LEVEL: readonly WalkLevel[] = ['FL1', 'FL1', 'FL2', 'FL3', 'FL4', 'FL5'];
