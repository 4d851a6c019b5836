import { CHUNK_EVENTS, type EventChunk, type EventKind } from './event-chunk.js';
import type { EventJournal, StampedEvent } from './event-journal.js';

/** Chunks looked through in one go: some milliseconds. */
const CHUNKS_A_GO = 32;
/** One that is bytes has to be unpacked, some 2 us an event, and counts as this many. */
const UNPACKING = 8;

/** Numbers a search goes through, both of events that are kept; none when the first is behind the last. */
export interface ScanRange {
  readonly first: number;
  readonly last: number;
  /** From the last down to the first. */
  readonly backwards: boolean;
}

/**
 * The events of a journal that pass a test, in the order of the search. Chunks that have none of the kinds wanted are
 * passed over unseen. Null stands between two goes: a search of a million events holds up others for seconds unless
 * they are served then.
 *
 * @param journal not to be added to until the search is over
 * @param kinds the only ones that can pass; null for any
 */
export function* scanEvents(
  journal: EventJournal,
  { first, last, backwards }: ScanRange,
  kinds: readonly EventKind[] | null,
  accept: (stamped: StampedEvent) => boolean,
): Generator<StampedEvent | null, void> {
  let cost = 0;
  for (let at = backwards ? last : first; at >= first && at <= last;) {
    const { chunk, first: base } = journal.chunkOf(at);
    const end = backwards ? Math.max(first, base) : Math.min(last, base + CHUNK_EVENTS - 1);
    if (kinds === null || hasAnyOf(chunk, kinds)) {
      cost += chunk.isPacked ? UNPACKING : 1;
      yield* accepted(chunk.events, at - base, end - base, accept);
    }
    at = backwards ? end - 1 : end + 1;
    if (cost < CHUNKS_A_GO) continue;
    yield null;
    cost = 0;
  }
}

/** Whether a chunk has events of some kinds. */
export function hasAnyOf(chunk: EventChunk, wanted: readonly EventKind[]): boolean {
  const { kinds } = chunk;
  return wanted.some((kind) => kinds.has(kind));
}

function* accepted(
  events: readonly StampedEvent[],
  from: number,
  to: number,
  accept: (stamped: StampedEvent) => boolean,
): Generator<StampedEvent, void> {
  const step = from <= to ? 1 : -1;
  for (let index = from; index !== to + step; index += step) {
    if (accept(events[index])) yield events[index];
  }
}
