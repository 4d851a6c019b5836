import type { SecondStageRoutes } from './second-stage-routes.js';

/** Entries of one set. */
export const WAYS = 4;

/** Set in the first word of a slot that holds an entry; the 16 bits below it are the source id. */
export const VALID = 1 << 16;

/** Slots of a fixed number of words each, `WAYS` to a set, in one array. */
export interface EntrySlots {
  readonly words: Int32Array;
  /** Words of one slot. */
  readonly stride: number;
  /** Which way of each set goes next when all are taken. */
  readonly turn: Uint8Array;
  /** What was concluded from the entries: it falls with any of them. */
  readonly routes: SecondStageRoutes | null;
}

/** Where a new entry of a set goes: a free slot, else the ways in turn, so that replacement is repeatable. */
export function replaceableSlot({ words, stride, turn }: EntrySlots, set: number): number {
  const first = set * WAYS * stride;
  for (let at = first; at < first + WAYS * stride; at += stride) {
    if ((words[at] & VALID) === 0) return at;
  }
  return first + (turn[set]++ % WAYS) * stride;
}

/** Empties the slots whose entries match; gives their number. */
export function dropSlots({ words, stride, routes }: EntrySlots, matches: (at: number) => boolean): number {
  let dropped = 0;
  for (let at = 0; at < words.length; at += stride) {
    if ((words[at] & VALID) === 0 || !matches(at)) continue;
    words[at] = 0;
    dropped++;
  }
  if (dropped > 0) routes?.forget();
  return dropped;
}
