import { HostMemory } from '../memory/host-memory.js';
import type { InterruptEntryWords } from '../layout/irte.js';

const ENTRIES_PER_FRAME = 256;

/** A present entry of an interrupt remapping table, where it lies. */
export interface PresentInterruptEntry {
  readonly index: number;
  readonly address: number;
  readonly words: InterruptEntryWords;
}

/** Present entries of a table in memory, in order; a table begins on a frame. */
export function* presentInterruptEntries(
  memory: HostMemory,
  base: number,
  count: number,
): Generator<PresentInterruptEntry> {
  for (let first = 0; first < count; first += ENTRIES_PER_FRAME) {
    const frame = (base + first * 16) / 4096;
    if (!memory.isReadable(frame)) return;
    const words = memory.segment(frame);
    const origin = HostMemory.firstWord(frame);
    for (let at = 0; at < Math.min(ENTRIES_PER_FRAME, count - first); at++) {
      if ((words[origin + at * 4] & 1) === 0) continue;
      const address = frame * 4096 + at * 16;
      yield { index: first + at, address, words: [memory.load64(address), memory.load64(address + 8)] };
    }
  }
}
