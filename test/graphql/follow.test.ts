import {
  type Accept,
  type Batch,
  EventFeed,
  MOST_LOOKED_AT,
  feedOf,
} from '../../src/graphql/subscriptions/event-feed.js';
import { CHUNK_EVENTS } from '../../src/platform/event-chunk.js';
import { Follower } from '../../src/graphql/subscriptions/follow.js';
import { EventJournal, type StampedEvent } from '../../src/platform/event-journal.js';
import type { Platform } from '../../src/platform/platform.js';

class Source {
  isClosed = false;
  readonly events: EventJournal;
  constructor(capacity = 1000) {
    this.events = new EventJournal(capacity);
  }
  log(...texts: string[]) {
    const events = texts.map((text) => ({ type: 'KERNEL_LOG', text, faultRecord: null }) as const);
    for (const event of events) this.events.write(1, 0, event);
    this.events.publish(() => null);
  }
  feed(accept: Accept = () => true) {
    return new EventFeed(this as unknown as Platform, accept);
  }
  follow(after: number, accept?: Accept) {
    return new Follower(this.feed(accept), after);
  }
}

const ZERO = { hi: 0, lo: 0 };
const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index));

const sequences = (batch: IteratorResult<Batch>) =>
  (batch.value as Batch).events.map((event: StampedEvent) => event.sequence);

describe('following events', () => {
  test('gives what is kept after the number, then what comes, without a seam', async () => {
    const source = new Source();
    source.log('a', 'b', 'c');
    const stream = source.follow(1);
    expect(sequences(await stream.next())).toEqual([2, 3]);
    const waiting = stream.next();
    source.log('d');
    expect(sequences(await waiting)).toEqual([4]);
  });

  test('gives events of one command together', async () => {
    const source = new Source();
    const waiting = source.follow(0).next();
    source.log('a', 'b');
    expect(sequences(await waiting)).toEqual([1, 2]);
  });

  test('passes over events the filter refuses and remembers that it looked at them', async () => {
    const source = new Source();
    const stream = source.follow(0, (event) => event.sequence % 2 === 0);
    source.log('a', 'b', 'c');
    const batch = (await stream.next()).value as Batch;
    expect(batch.events.map(({ sequence }) => sequence)).toEqual([2]);
    expect(batch.position).toBe(3);
  });

  test('return() ends a waiting stream at once and leaves nobody to ring', async () => {
    const source = new Source();
    const stream = source.follow(0);
    const waiting = stream.next();
    expect(source.events.listening).toBe(1);
    await stream.return!();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(source.events.listening).toBe(0);
  });

  test('ends when the platform is closed', async () => {
    const source = new Source();
    const waiting = source.follow(0).next();
    source.isClosed = true;
    source.events.ring();
    expect((await waiting).done).toBe(true);
  });

  test('says which events are no longer kept', async () => {
    const source = new Source(10);
    source.log(...numbers(30));
    const batch = (await source.follow(5).next()).value as Batch;
    expect(batch.gap).toEqual({ firstMissing: 6, lastMissing: 20, reason: 'COMPACTED' });
    expect(batch.events.map(({ sequence }) => sequence)).toEqual([21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
  });

  test('followers at one place of a feed get one batch, others their own', async () => {
    const source = new Source();
    const feed = source.feed();
    const [a, b, behind] = [new Follower(feed, 0), new Follower(feed, 0), new Follower(feed, 1)];
    const other = source.follow(0);
    source.log('a', 'b');
    const first = a.poll();
    expect(b.poll()).toBe(first);
    expect(other.poll()).not.toBe(first);
    expect(behind.poll()!.events.map(({ sequence }) => sequence)).toEqual([2]);
    // They stand at one place from here on, whatever brought them there.
    source.log('c');
    const batches = [a, b, behind].map((follower) => follower.poll());
    expect(new Set(batches).size).toBe(1);
    expect(batches[0]!.events.map(({ sequence }) => sequence)).toEqual([3]);
  });

  test('an event is put to a filter once, however many followers of the filter there are', () => {
    const source = new Source();
    const counts = { even: 0, none: 0 };
    const even = source.feed(({ sequence }) => (counts.even++, sequence % 2 === 0));
    const none = source.feed(() => (counts.none++, false));
    const followers = [even, none].flatMap((feed) => numbers(100).map(() => new Follower(feed, 0)));
    for (let round = 0; round < 10; round++) {
      source.log('a', 'b', 'c');
      for (const follower of followers) follower.poll();
    }
    expect(counts).toEqual({ even: 30, none: 30 });
  });

  test('a filter that lets next to nothing through is put to some events at a time, and finds what there is', async () => {
    const many = 3 * MOST_LOOKED_AT;
    const source = new Source(many);
    source.log(...numbers(many));
    let looked = 0;
    const onlyLast: Accept = ({ sequence }) => (looked++, sequence === many);
    const polled = source.follow(0, onlyLast);
    for (const found of [undefined, undefined]) expect(polled.poll()).toBe(found);
    expect([looked, polled.position]).toEqual([2 * MOST_LOOKED_AT, 2 * MOST_LOOKED_AT]);
    expect(polled.poll()!.events.map(({ sequence }) => sequence)).toEqual([many]);
    expect(sequences(await source.follow(0, onlyLast).next())).toEqual([many]);
  });

  test('chunks without the kinds wanted are passed over and stay bytes, and nothing in the others is missed', () => {
    const source = new Source(100 * CHUNK_EVENTS);
    const flood = (count: number) => {
      const range = { iova: ZERO, physical: ZERO, size: ZERO, read: true, write: true };
      for (let n = 0; n < count; n++)
        source.events.write(1, 0, { type: 'MAPPING', mapped: true, domain: 1, ...range });
      source.events.publish(() => null);
    };
    // The last chunk is not full.
    flood(10 * CHUNK_EVENTS);
    source.log('a');
    flood(60 * CHUNK_EVENTS);
    source.log('b');
    flood(3 * CHUNK_EVENTS);
    source.log('c');
    for (const chunk of source.events.kept) chunk.pack();
    const wanted = source.events.kept.map(({ kinds }) => kinds.has('KERNEL_LOG'));
    expect(wanted.filter(Boolean)).toHaveLength(3);

    const accept: Accept = ({ event }) => event.type === 'KERNEL_LOG';
    const follower = new Follower(new EventFeed(source as unknown as Platform, accept, ['KERNEL_LOG']), 0);
    const found: number[] = [];
    let polls = 0;
    for (; follower.position < source.events.last; polls++)
      found.push(...(follower.poll()?.events ?? []).map(({ sequence }) => sequence));
    expect(found).toEqual([10 * CHUNK_EVENTS + 1, 70 * CHUNK_EVENTS + 2, 73 * CHUNK_EVENTS + 3]);
    // Looking at each would have taken 19.
    expect(polls).toBeLessThan(5);
    const packed = source.events.kept.map((chunk) => chunk.isPacked);
    expect(packed.slice(0, -1)).toEqual(wanted.slice(0, -1).map((isWanted) => !isWanted));
    flood(5);
    source.log('d');
    expect(follower.poll()!.events.map(({ sequence }) => sequence)).toEqual([source.events.last]);
  });

  test('equal filters of one platform have one feed, as long as there are not too many filters', () => {
    const platform = () => ({ machine: { units: [] } }) as unknown as Platform;
    const [a, b] = [platform(), platform()];
    const feed = feedOf(a, { kinds: ['FAULT'], pasid: 3 });
    expect(feedOf(a, { kinds: ['FAULT'], pasid: 3 })).toBe(feed);
    expect(feedOf(a, { kinds: ['FAULT'], pasid: 4 })).not.toBe(feed);
    expect(feedOf(b, { kinds: ['FAULT'], pasid: 3 })).not.toBe(feed);
    for (let pasid = 5; pasid < 5 + 256; pasid++) feedOf(a, { pasid });
    expect(feedOf(a, { kinds: ['FAULT'], pasid: 3 })).not.toBe(feed);
  });

  test('a batch is not given again when more was appended or the oldest were dropped', () => {
    const source = new Source(10);
    const feed = source.feed();
    const found = () => new Follower(feed, 0).poll()!;
    source.log('a');
    expect(found().events).toHaveLength(1);
    source.log('b');
    expect(found().events).toHaveLength(2);
    source.log(...numbers(30));
    expect(found().gap).toEqual({ firstMissing: 1, lastMissing: 22, reason: 'COMPACTED' });
  });

  test('a follower that skips tells what it passed over, and what of that is gone, then goes on', () => {
    const source = new Source(10);
    const follower = source.follow(0);
    source.log('a', 'b');
    expect(follower.poll()!.position).toBe(2);
    source.log(...numbers(30));
    expect([follower.position, follower.newest]).toEqual([2, 32]);
    follower.skip();
    expect([follower.position, follower.newest]).toEqual([32, 32]);
    source.log('new');
    const told = [follower.poll()!, follower.poll()!, follower.poll()!];
    expect(told.map(({ gap }) => gap)).toEqual([
      { firstMissing: 3, lastMissing: 22, reason: 'COMPACTED' },
      { firstMissing: 23, lastMissing: 32, reason: 'SLOW_CONSUMER' },
      null,
    ]);
    // The cursor of each is where it ends, so that a reader resumes without a hole after any of them.
    expect(told.map(({ position }) => position)).toEqual([22, 32, 33]);
    expect(follower.poll()).toBeUndefined();
  });

  test('skipping tells nothing when nothing was passed over', () => {
    const source = new Source();
    const follower = source.follow(0);
    follower.skip();
    expect(follower.poll()).toBeUndefined();
  });
});
