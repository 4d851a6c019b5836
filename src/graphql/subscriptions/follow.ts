import { setImmediate } from 'node:timers/promises';
import { type Batch, type EventFeed, type Gap, gapOf } from './event-feed.js';

/**
 * One reader's place in a feed: first what is kept, then what comes, in one loop, so there is no seam between
 * them. It holds a number and no events, however far it falls behind. Ends when the platform is deleted or
 * its server stops.
 *
 * `poll` gives without a promise what there is, for a server that serves many readers in one pass. The rest
 * is the plain iterator GraphQL asks for; not an async generator, because the return() of one that waits for
 * the next event would queue behind the pending next().
 */
export class Follower implements AsyncIterableIterator<Batch> {
  /** Number of the last event looked at. */
  position: number;
  /** Null for the many who never missed anything. */
  private untold: Gap[] | null = null;
  private stopped = false;
  private wake: (() => void) | null = null;

  constructor(
    readonly feed: EventFeed,
    after: number,
  ) {
    this.position = after;
  }

  /** The next batch; undefined when there is none yet, or none as far as was looked: up to {@link position}. */
  poll(): Batch | undefined {
    if (this.ended) return undefined;
    const gap = this.untold?.shift();
    if (gap !== undefined) {
      return { platform: this.feed.platform, events: [], gap, position: gap.lastMissing };
    }
    if (this.position === this.newest) return undefined;
    const { batch, position } = this.feed.behind(this.position);
    this.position = position;
    return batch ?? undefined;
  }

  /** Whether nothing will come any more. */
  get ended(): boolean {
    return this.stopped || this.feed.platform.isClosed;
  }

  /** Number of the newest event. */
  get newest(): number {
    return this.feed.platform.events.last;
  }

  /** Goes on with what happens next. The following polls tell what was passed over. */
  skip(): void {
    const { first, last } = this.feed.platform.events;
    const next = this.position + 1;
    this.untold ??= [];
    if (next < first) this.untold.push(gapOf(next, first - 1, 'COMPACTED'));
    const kept = Math.max(next, first);
    if (kept <= last) this.untold.push(gapOf(kept, last, 'SLOW_CONSUMER'));
    this.position = last;
  }

  async next(): Promise<IteratorResult<Batch>> {
    while (!this.ended) {
      const value = this.poll();
      if (value !== undefined) return { done: false, value };
      await (this.position < this.newest ? setImmediate() : this.more());
    }
    return { done: true, value: undefined };
  }

  return(): Promise<IteratorResult<Batch>> {
    this.stopped = true;
    this.wake?.();
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<IteratorResult<Batch>> {
    void this.return();
    return Promise.reject(error as Error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private async more(): Promise<void> {
    let stopListening: (() => void) | null = null;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      stopListening = this.feed.listen(resolve);
    });
    this.wake = null;
    stopListening!();
  }
}
