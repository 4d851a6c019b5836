import type { EventJournal, StampedEvent } from '../../platform/event-journal.js';
import type { Platform } from '../../platform/platform.js';

/** Most events one message carries. */
const MAX_BATCH = 500;

/** Events a reader missed because they are no longer kept. */
export interface Gap {
  readonly firstMissing: number;
  readonly lastMissing: number;
  readonly reason: 'SLOW_CONSUMER' | 'COMPACTED';
}

/** One message of a stream. */
export interface Batch {
  readonly platform: Platform;
  readonly events: readonly StampedEvent[];
  readonly gap: Gap | null;
  /** Number of the last event looked at, given or filtered out. */
  readonly position: number;
}

/** What lies behind a number: a batch, or nothing that passes the filter, and the number looked at last. */
interface Find {
  readonly after: number;
  readonly last: number;
  readonly first: number;
  readonly batch: Batch | null;
  readonly position: number;
}

/** The last find with a filter. Followers who stand at the same place get the same batch, the very object. */
const finds = new WeakMap<EventJournal, WeakMap<Accept, Find>>();

export type Accept = (event: StampedEvent) => boolean;

/**
 * Follows a platform's events after a number: first what is kept, then what comes, in one loop, so there is
 * no seam between them. Ends when the platform is deleted or its server stops.
 *
 * This is a plain iterator and not an async generator: a generator that waits for the next event cannot be
 * stopped, because its return() queues behind the pending next().
 */
export function follow(platform: Platform, after: number, accept: Accept): AsyncIterableIterator<Batch> {
  const { events } = platform;
  let position = after;
  let stopped = false;
  let wake: (() => void) | null = null;
  const stop = () => {
    stopped = true;
    wake?.();
  };
  const next = async (): Promise<IteratorResult<Batch>> => {
    while (!stopped && !platform.isClosed) {
      const { batch, position: reached } = find(platform, position, accept);
      position = reached;
      if (batch !== null) return { done: false, value: batch };
      await new Promise<void>((resolve) => {
        const forget = events.onNext(resolve);
        wake = () => {
          forget();
          resolve();
        };
      });
      wake = null;
    }
    return { done: true, value: undefined };
  };
  const iterator: AsyncIterableIterator<Batch> = {
    next,
    return: async () => {
      stop();
      return { done: true, value: undefined };
    },
    throw: async (error) => {
      stop();
      throw error;
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

function find(platform: Platform, after: number, accept: Accept): Find {
  const { events } = platform;
  let ofJournal = finds.get(events);
  if (ofJournal === undefined) finds.set(events, (ofJournal = new WeakMap()));
  const known = ofJournal.get(accept);
  if (known?.after === after && known.last === events.last && known.first === events.first) return known;
  const made = look(platform, after, accept);
  ofJournal.set(accept, made);
  return made;
}

function look(platform: Platform, after: number, accept: Accept): Find {
  const { events } = platform;
  const { first, last } = events;
  const gap: Gap | null =
    after + 1 >= first ? null : { firstMissing: after + 1, lastMissing: first - 1, reason: 'COMPACTED' };
  let position = gap === null ? after : gap.lastMissing;
  const found: StampedEvent[] = [];
  while (position < last && found.length < MAX_BATCH) {
    const stamped = events.at(++position)!;
    if (accept(stamped)) found.push(stamped);
  }
  const batch = gap === null && found.length === 0 ? null : { platform, events: found, gap, position };
  return { after, last, first, batch, position };
}
