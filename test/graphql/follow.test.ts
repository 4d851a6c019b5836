import { type Batch, follow } from '../../src/graphql/subscriptions/follow.js';
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
    this.events.append(1, 0, events, () => null);
  }
  follow(after: number, accept: (event: StampedEvent) => boolean = () => true) {
    return follow(this as unknown as Platform, after, accept);
  }
}

const sequences = (batch: IteratorResult<Batch>) =>
  batch.value.events.map((event: StampedEvent) => event.sequence);

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
    expect(source.events.waiters).toBe(1);
    await stream.return!();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(source.events.waiters).toBe(0);
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
    source.log(...Array.from({ length: 30 }, (_, index) => String(index)));
    const batch = (await source.follow(5).next()).value as Batch;
    expect(batch.gap).toEqual({ firstMissing: 6, lastMissing: 20, reason: 'COMPACTED' });
    expect(batch.events.map(({ sequence }) => sequence)).toEqual([21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
  });

  test('followers at one place with one filter get one batch, others their own', async () => {
    const source = new Source();
    const all = () => true;
    const [a, b] = [source.follow(0, all), source.follow(0, all)];
    const [behind, other] = [source.follow(1, all), source.follow(0)];
    source.log('a', 'b');
    const first = (await a.next()).value as Batch;
    expect((await b.next()).value).toBe(first);
    expect((await other.next()).value).not.toBe(first);
    expect(sequences(await behind.next())).toEqual([2]);
    // They stand at one place from here on, whatever brought them there.
    const next = [a, b, behind].map((stream) => stream.next());
    source.log('c');
    const batches = (await Promise.all(next)).map(({ value }) => value as Batch);
    expect(new Set(batches).size).toBe(1);
    expect(batches[0].events.map(({ sequence }) => sequence)).toEqual([3]);
  });

  test('a batch is not given again when more was appended or the oldest were dropped', async () => {
    const source = new Source(10);
    const all = () => true;
    source.log('a');
    expect(sequences(await source.follow(0, all).next())).toEqual([1]);
    source.log('b');
    expect(sequences(await source.follow(0, all).next())).toEqual([1, 2]);
    source.log(...Array.from({ length: 30 }, (_, index) => String(index)));
    const { gap } = (await source.follow(0, all).next()).value as Batch;
    expect(gap).toEqual({ firstMissing: 1, lastMissing: 22, reason: 'COMPACTED' });
  });
});
