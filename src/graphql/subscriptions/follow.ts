import type { StampedEvent } from '../../platform/event-journal.js';
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

/**
 * Follows a platform's events after a number: first what is kept, then what comes, in one loop, so there is
 * no seam between them. Ends when the platform is deleted or its server stops.
 *
 * This is a plain iterator and not an async generator: a generator that waits for the next event cannot be
 * stopped, because its return() queues behind the pending next().
 */
export function follow(
  platform: Platform,
  after: number,
  accept: (event: StampedEvent) => boolean,
): AsyncIterableIterator<Batch> {
  const { events } = platform;
  let position = after;
  let stopped = false;
  let wake: (() => void) | null = null;
  const stop = () => {
    stopped = true;
    wake?.();
  };
  const gapNow = (): Gap | null => {
    if (position + 1 >= events.first) return null;
    const gap: Gap = { firstMissing: position + 1, lastMissing: events.first - 1, reason: 'COMPACTED' };
    position = gap.lastMissing;
    return gap;
  };
  const take = (): Batch | null => {
    const gap = gapNow();
    const found: StampedEvent[] = [];
    while (position < events.last && found.length < MAX_BATCH) {
      const stamped = events.at(++position)!;
      if (accept(stamped)) found.push(stamped);
    }
    return gap === null && found.length === 0 ? null : { platform, events: found, gap, position };
  };
  const next = async (): Promise<IteratorResult<Batch>> => {
    while (!stopped && !platform.isClosed) {
      const batch = take();
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
