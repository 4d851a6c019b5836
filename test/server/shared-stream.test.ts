import { once } from 'node:events';
import { type ExecutionArgs, parse } from 'graphql';
import { createSchema } from 'graphql-yoga';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { createServer, type GraphServer } from '../../src/server/graph-server.js';
import type { Sink } from '../../src/server/reader.js';
import type { SharedAnswer } from '../../src/server/shared-answer.js';
import type { Feed, Source } from '../../src/server/source.js';
import type { StreamSettings } from '../../src/server/stream-settings.js';
import { type OpenedStream, createStreams } from '../../src/server/streams.js';
import { Queue } from '../support/server/queue.js';
import { openSse } from '../support/server/sse-client.js';
import { WsClient } from '../support/server/ws-client.js';

// Megabytes are sent, which on a busy machine takes what it takes.
jest.setTimeout(60_000);

interface Reading {
  readonly value: number;
}

/** Keeps what it gave, so that every subscriber has a place of its own in it. */
class Readings implements Feed {
  readonly kept: Reading[] = [];
  /** Places of what nobody is given. */
  readonly hidden = new Set<number>();
  readonly subscribers = new Set<Place>();
  private readonly rings = new Set<() => void>();
  private readonly arrivals = new Queue<null>();
  executions = 0;

  give(value: number): void {
    this.kept.push({ value });
    for (const ring of this.rings) ring();
  }

  listen(ring: () => void): () => void {
    this.rings.add(ring);
    return () => this.rings.delete(ring);
  }

  get listening(): number {
    return this.rings.size;
  }

  async have(count: number): Promise<void> {
    while (this.subscribers.size < count) await this.arrivals.next();
  }

  open(): Place {
    const place = new Place(this);
    this.subscribers.add(place);
    this.arrivals.push(null);
    return place;
  }
}

/** One subscriber's place; GraphQL asks for an iterator, which nobody reads. */
class Place implements Source, AsyncIterable<Reading> {
  at: number;
  ended = false;
  private missed: Reading | null = null;

  constructor(readonly feed: Readings) {
    this.at = feed.kept.length;
  }

  get position(): number {
    return this.at;
  }

  get newest(): number {
    return this.feed.kept.length;
  }

  poll(): Reading | undefined {
    const { missed } = this;
    this.missed = null;
    if (missed === null && this.feed.hidden.has(this.at)) return void this.at++;
    return missed ?? this.feed.kept[this.at++] ?? void this.at--;
  }

  /** Told as a reading below nothing. */
  skip(): void {
    this.missed = { value: this.at - this.newest };
    this.at = this.feed.kept.length;
  }

  return(): Promise<IteratorResult<Reading>> {
    this.feed.subscribers.delete(this);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): AsyncIterator<Reading> {
    throw new Error('this source is polled');
  }
}

const schemaOf = (feed: Readings) =>
  createSchema({
    typeDefs: /* GraphQL */ `
      type Query {
        unused: Int
      }
      type Subscription {
        reading(unit: String, scale: Int, since: Int): Reading
      }
      type Reading {
        value: Int
        broken: Int
        long: String
        symbol: String
        since(n: Int): Int
      }
    `,
    resolvers: {
      Subscription: {
        reading: {
          extensions: { startArgument: 'since' },
          subscribe: () => feed.open(),
          resolve: (reading: Reading) => {
            feed.executions++;
            return reading;
          },
        },
      },
      Reading: {
        long: () => 'x'.repeat(100_000),
        symbol: () => 'Ω',
        since: (_reading: Reading, { n }: { n: number }) => n,
        broken: () => {
          throw new Error('the password is hunter2');
        },
      },
    },
  });

const READING =
  'subscription Reading($unit: String, $scale: Int) { reading(unit: $unit, scale: $scale) { value } }';
const message = (id: string, value: number) => ({
  id,
  type: 'next',
  payload: { data: { reading: { value } } },
});

describe('subscribers of one operation', () => {
  let feed: Readings;
  let server: GraphServer;
  let url: string;
  const start = async (settings: Partial<StreamSettings> = {}) => {
    feed = new Readings();
    server = createServer({
      schema: schemaOf(feed),
      context: () => ({}),
      logger: pino({ enabled: false }),
      graphiqlTabs: [],
      streams: { gatherMs: 0, ...settings },
    });
    const { port } = await server.listen('127.0.0.1', 0);
    url = `http://127.0.0.1:${port}/graphql`;
    server.serve();
  };
  beforeEach(() => start());
  afterEach(() => server.stop());

  it('share one execution, over both transports, under ids of their own', async () => {
    const [a, b] = [await WsClient.connect(url), await WsClient.connect(url)];
    a.subscribe('first', READING, { unit: 'V', scale: 2 });
    a.subscribe('second "quoted"', READING, { scale: 2, unit: 'V' });
    b.subscribe('third', READING, { unit: 'V', scale: 2 });
    const sse = await openSse(url, READING, { unit: 'V', scale: 2 });
    await feed.have(4);
    for (const value of [7, 8]) {
      feed.give(value);
      expect(await a.messages.next()).toEqual(message('first', value));
      expect(await a.messages.next()).toEqual(message('second "quoted"', value));
      expect(await b.messages.next()).toEqual(message('third', value));
      expect(await sse.next()).toEqual({ event: 'next', data: { data: { reading: { value } } } });
    }
    expect(feed.executions).toBe(2);
    sse.abandon();
  });

  it('come as text in whole characters, whatever script an id or an answer is in', async () => {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), 'graphql-transport-ws');
    const frames = new Queue<{ text: string; isBinary: boolean }>();
    socket.on('message', (data: Buffer, isBinary) => frames.push({ text: data.toString(), isBinary }));
    await once(socket, 'open');
    socket.send('{"type":"connection_init"}');
    await frames.next();
    const id = 'größe ☃ 𝄞';
    const payload = { query: 'subscription { reading { symbol } }', variables: {} };
    socket.send(JSON.stringify({ id, type: 'subscribe', payload }));
    await feed.have(1);
    feed.give(7);
    const { text, isBinary } = await frames.next();
    expect(isBinary).toBe(false);
    expect(text).toBe(`{"id":"${id}","type":"next","payload":{"data":{"reading":{"symbol":"Ω"}}}}`);
    socket.terminate();
  });

  it.each([
    ['variables', READING, { unit: 'A' }],
    ['documents', READING.replace('value', 'other: value'), {}],
  ])('do not share with other %s', async (_what, query, variables) => {
    const client = await WsClient.connect(url);
    client.subscribe('a', READING);
    client.subscribe('b', query, variables);
    await feed.have(2);
    feed.give(1);
    await client.messages.next();
    await client.messages.next();
    expect(feed.executions).toBe(2);
  });

  it('do not share between operations of one document', async () => {
    const query = 'subscription A { reading { value } } subscription B { reading { other: value } }';
    const client = await WsClient.connect(url);
    for (const operationName of ['A', 'B']) {
      client.send(
        JSON.stringify({ id: operationName, type: 'subscribe', payload: { query, operationName } }),
      );
    }
    await feed.have(2);
    feed.give(1);
    expect(await client.messages.next()).toEqual(message('A', 1));
    expect(await client.messages.next()).toMatchObject({ payload: { data: { reading: { other: 1 } } } });
  });

  it('get errors masked, each of them', async () => {
    const query = 'subscription { reading { value broken } }';
    const client = await WsClient.connect(url);
    client.subscribe('a', query);
    client.subscribe('b', query);
    const sse = await openSse(url, query);
    await feed.have(3);
    feed.give(1);
    const texts = [await client.messages.next(), await client.messages.next(), await sse.next()].map((got) =>
      JSON.stringify(got),
    );
    for (const text of texts) {
      expect(text).toContain('Unexpected error.');
      expect(text).toContain('"value":1');
      expect(text).not.toContain('hunter2');
    }
    sse.abandon();
  });

  it('share whatever they say of where to begin, unless an answer could depend on it', async () => {
    const since = `subscription ($since: Int) { reading(since: $since) { value } }`;
    const client = await WsClient.connect(url);
    for (const n of [1, 2, 3]) client.subscribe(`since ${n}`, since, { since: n });
    await feed.have(3);
    feed.give(1);
    for (let n = 0; n < 3; n++) expect((await client.messages.next()).type).toBe('next');
    expect(feed.executions).toBe(1);

    const used = `subscription ($n: Int) { reading(since: $n) { since(n: $n) } }`;
    for (const n of [4, 5]) client.subscribe(`used ${n}`, used, { n });
    await feed.have(5);
    feed.give(2);
    const answers = new Map<unknown, unknown>();
    for (let n = 0; n < 5; n++) {
      const { id, payload } = await client.messages.next();
      answers.set(id, payload);
    }
    expect(answers.get('used 4')).toEqual({ data: { reading: { since: 4 } } });
    expect(answers.get('used 5')).toEqual({ data: { reading: { since: 5 } } });
  });

  it('end and stop listening when the last has gone, over both transports', async () => {
    const client = await WsClient.connect(url);
    client.subscribe('a', READING);
    const sse = await openSse(url, READING);
    await feed.have(2);
    sse.abandon();
    await client.close();
    // The server hears of a closed connection in its own time; what is given meanwhile tells when it has.
    while (feed.listening > 0) await new Promise(setImmediate);
    expect(feed.subscribers.size).toBe(0);
  });

  /** 30 MB are more than the buffers of sockets take. */
  const LONG = 'subscription { reading { value long } }';
  const values = Array.from({ length: 300 }, (_, value) => value);
  const valueOf = (payload: unknown) => (payload as { data: { reading: Reading } }).data.reading.value;

  describe.each(['WebSocket', 'SSE'])('who read slowly over %s', (transport) => {
    const open = async () => {
      if (transport === 'SSE') {
        const stream = await openSse(url, LONG);
        return { next: async () => valueOf((await stream.next())!.data), go: () => undefined };
      }
      const client = await WsClient.connect(url);
      client.subscribe('slow', LONG);
      await client.settled();
      client.pause();
      const next = async () => valueOf((await client.messages.next()).payload);
      return { next, go: () => client.resume() };
    };

    it('hold up nobody, and lose nothing while they are not too far behind', async () => {
      const fast = await WsClient.connect(url);
      fast.subscribe('fast', LONG);
      const slow = await open();
      await feed.have(2);
      const [, place] = [...feed.subscribers];
      for (const value of values) {
        feed.give(value);
        expect(valueOf((await fast.messages.next()).payload)).toBe(value);
      }
      expect(place.position).toBeLessThan(place.newest);
      slow.go();
      for (const value of values) expect(await slow.next()).toBe(value);
    });

    it('are told what they missed when they are, once, and go on with what is new', async () => {
      await server.stop();
      await start({ lagEvents: 20 });
      const fast = await WsClient.connect(url);
      fast.subscribe('fast', LONG);
      const slow = await open();
      await feed.have(2);
      const [, place] = [...feed.subscribers];
      for (const value of values) {
        feed.give(value);
        await fast.messages.next();
      }
      const lag = place.newest - place.position;
      expect(lag).toBeGreaterThan(20);
      slow.go();
      const seen = values.slice(0, -lag);
      for (const value of seen) expect(await slow.next()).toBe(value);
      expect(await slow.next()).toBe(-lag);
      feed.give(1000);
      expect(await slow.next()).toBe(1000);
    });
  });

  it('leave without taking the others along', async () => {
    const client = await WsClient.connect(url);
    client.subscribe('a', READING);
    client.subscribe('b', READING);
    await feed.have(2);
    client.send({ id: 'a', type: 'complete' });
    await client.settled();
    expect(feed.subscribers.size).toBe(1);
    feed.give(5);
    expect(await client.messages.next()).toEqual(message('b', 5));
    expect(client.messages.drain()).toEqual([]);
  });
});

describe('a stream', () => {
  /** Has room for as much as it is told, and remembers what it was given. */
  class Pipe implements Sink {
    waiting = 0;
    readonly got: number[] = [];
    flush: () => void = () => undefined;
    ended: unknown = null;

    send({ text }: SharedAnswer, flushed?: () => void): void {
      this.got.push(valueOf(JSON.parse(text)));
      this.flush = flushed ?? this.flush;
    }
    end(error?: unknown): void {
      this.ended = error ?? 'done';
    }
  }

  const valueOf = (answer: unknown) => (answer as { data: { reading: Reading } }).data.reading.value;

  async function subscriber(feed: Readings, settings: Partial<StreamSettings>) {
    const all = { gatherMs: 0, bufferBytes: 100, lagEvents: 10, ...settings };
    const open = createStreams(all, (error) => error as never);
    const args = { schema: schemaOf(feed), document: parse('subscription { reading { value } }') };
    return async (at = feed.kept.length, waiting = 0) => {
      const pipe = new Pipe();
      pipe.waiting = waiting;
      const opened = (await open(args as ExecutionArgs)) as OpenedStream;
      [...feed.subscribers].at(-1)!.at = at;
      return { pipe, reader: opened.readInto(pipe) };
    };
  }

  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('sends the first at once, and what follows it together after the pause', async () => {
    const feed = new Readings();
    const { pipe } = await (await subscriber(feed, { gatherMs: 50 }))();
    feed.give(1);
    await jest.advanceTimersByTimeAsync(0);
    expect(pipe.got).toEqual([1]);
    feed.give(2);
    feed.give(3);
    await jest.advanceTimersByTimeAsync(49);
    expect(pipe.got).toEqual([1]);
    await jest.advanceTimersByTimeAsync(1);
    expect(pipe.got).toEqual([1, 2, 3]);
  });

  it.each([
    [50, 50],
    [0, 0],
  ])(
    'with a pause of %d ms sends at once what comes after %d quiet ms, and leaves no timer behind',
    async (gatherMs, quietMs) => {
      const feed = new Readings();
      const { pipe } = await (await subscriber(feed, { gatherMs }))();
      for (const value of [1, 2, 3]) {
        feed.give(value);
        await jest.advanceTimersByTimeAsync(0);
        expect(pipe.got.at(-1)).toBe(value);
        await jest.advanceTimersByTimeAsync(quietMs);
      }
      expect(jest.getTimerCount()).toBe(0);
    },
  );

  it('pauses all its readers together, also one who came late', async () => {
    const feed = new Readings();
    const open = await subscriber(feed, { gatherMs: 50 });
    const early = await open();
    feed.give(1);
    await jest.advanceTimersByTimeAsync(0);
    const late = await open();
    feed.give(2);
    expect(jest.getTimerCount()).toBe(1);
    await jest.advanceTimersByTimeAsync(50);
    expect([early.pipe.got, late.pipe.got]).toEqual([[1, 2], [2]]);
    expect(feed.executions).toBe(2);
  });

  it('gives nothing more to a connection that is full until it has emptied', async () => {
    const feed = new Readings();
    const { pipe } = await (await subscriber(feed, {}))();
    pipe.waiting = 101;
    for (const value of [1, 2, 3]) feed.give(value);
    await jest.advanceTimersByTimeAsync(0);
    // The message that finds it full is the last one it holds.
    expect(pipe.got).toEqual([1]);
    pipe.waiting = 0;
    pipe.flush();
    expect(pipe.got).toEqual([1, 2, 3]);
  });

  it.each([
    [10, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
    [9, [1, -10]],
  ])('with %d events behind allowed, gives one who is ten behind %j', async (lagEvents, expected) => {
    const feed = new Readings();
    const { pipe } = await (await subscriber(feed, { lagEvents }))();
    pipe.waiting = 101;
    for (let value = 1; value <= 11; value++) feed.give(value);
    await jest.advanceTimersByTimeAsync(0);
    pipe.waiting = 0;
    pipe.flush();
    expect(pipe.got).toEqual(expected);
  });

  it('skips nothing for one who replays what is kept, however far behind and slow', async () => {
    const feed = new Readings();
    for (let value = 1; value <= 20; value++) feed.kept.push({ value });
    const { pipe } = await (await subscriber(feed, { lagEvents: 0 }))(0, 101);
    for (let flushes = 1; flushes < 20; flushes++) pipe.flush();
    expect(pipe.got).toEqual(feed.kept.map(({ value }) => value));
  });

  it('goes on looking in another turn where its source found nothing and was not at the end', async () => {
    const feed = new Readings();
    for (let value = 0; value < 5; value++) feed.kept.push({ value });
    for (const place of [0, 1, 3]) feed.hidden.add(place);
    const { pipe } = await (await subscriber(feed, {}))(0);
    const turns: number[][] = [];
    // What is set in the middle of a turn is due a millisecond later, by the clock that is used here.
    for (const milliseconds of [0, 1, 1]) {
      await jest.advanceTimersByTimeAsync(milliseconds);
      turns.push([...pipe.got]);
    }
    expect(turns).toEqual([[], [2], [2, 4]]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('lets go of a reader whose connection fails while it waits for it', async () => {
    const feed = new Readings();
    const { pipe } = await (await subscriber(feed, {}))();
    pipe.waiting = 101;
    feed.give(1);
    await jest.advanceTimersByTimeAsync(0);
    (pipe.flush as (error?: Error) => void)(new Error('gone'));
    expect([feed.subscribers.size, feed.listening]).toEqual([0, 0]);
  });

  it('ends when its source has ended, and with the error of a source that fails', async () => {
    const feed = new Readings();
    const open = await subscriber(feed, {});
    const [quiet, broken] = [await open(), await open()];
    const [first, second] = [...feed.subscribers];
    first.ended = true;
    second.poll = () => {
      throw new Error('broken');
    };
    feed.give(1);
    await jest.advanceTimersByTimeAsync(0);
    expect(quiet.pipe.got).toEqual([1]);
    expect(quiet.pipe.ended).toBe('done');
    expect(broken.pipe.ended).toEqual(new Error('broken'));
    expect(feed.listening).toBe(0);
  });
});
