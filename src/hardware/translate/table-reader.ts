import { HostMemory } from '../../memory/host-memory.js';
import type { WalkLevel } from '../request.js';
import type { Walk } from './walk.js';

/**
 * Reads one entry of a root, context, directory or PASID table into `into`, 32-bit words; false when memory
 * does not answer. Entries never cross a page: tables are page-aligned and entry sizes divide a page.
 */
export function readEntry(
  memory: HostMemory,
  walk: Walk,
  level: WalkLevel,
  tableFrame: number,
  index: number,
  bytes: number,
  into: Int32Array,
): boolean {
  const frame = tableFrame + Math.floor((index * bytes) / 4096);
  const byte = (index * bytes) % 4096;
  const isReadable = memory.isReadable(frame);
  walk.level = level;
  if (isReadable) {
    const segment = memory.segment(frame);
    const first = HostMemory.firstWord(frame) + byte / 4;
    for (let word = 0; word < bytes / 4; word++) into[word] = segment[first + word];
  }
  walk.observer?.visit(
    level,
    index,
    frame,
    byte,
    isReadable ? bytes / 8 : 0,
    isReadable && (into[0] & 1) === 1,
  );
  return isReadable;
}

/** 64-bit masks as interleaved low and high 32-bit words, the order entries have in memory. */
export function wordsOf(masks: readonly { readonly hi: number; readonly lo: number }[]): Int32Array {
  return Int32Array.from(masks.flatMap(({ hi, lo }) => [lo | 0, hi | 0]));
}

/** Whether an entry has a bit of a mask set. */
export function hasAny(entry: Int32Array, mask: Int32Array): boolean {
  for (let word = 0; word < mask.length; word++) {
    if ((entry[word] & mask[word]) !== 0) return true;
  }
  return false;
}
