import { type ExecutionArgs, type ExecutionResult, parse } from 'graphql';
import { createSchema } from 'graphql-yoga';
import { pino } from 'pino';
import { createServer, type GraphServer } from '../../src/server/graph-server.js';
import { useSharedStreams } from '../../src/server/shared-stream.js';
import { Queue } from '../support/server/queue.js';
import { openSse } from '../support/server/sse-client.js';
import { WsClient } from '../support/server/ws-client.js';

interface Reading {
  readonly value: number;
}

/** Hands every reading, the very object, to all who subscribe; each has a queue of its own. */
class Feed {
  readonly readers = new Set<Queue<Reading | null>>();
  private readonly arrivals = new Queue<null>();
  executions = 0;

  give(value: number): void {
    const reading = { value };
    for (const reader of this.readers) reader.push(reading);
  }

  async subscribers(count: number): Promise<void> {
    while (this.readers.size < count) await this.arrivals.next();
  }

  open(): AsyncIterableIterator<Reading> {
    const queue = new Queue<Reading | null>();
    this.readers.add(queue);
    this.arrivals.push(null);
    const iterator: AsyncIterableIterator<Reading> = {
      next: async () => {
        const value = await queue.next();
        return value === null ? { done: true, value: undefined } : { done: false, value };
      },
      return: async () => {
        this.readers.delete(queue);
        queue.push(null);
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }
}

const schemaOf = (feed: Feed) =>
  createSchema({
    typeDefs: /* GraphQL */ `
      type Query {
        unused: Int
      }
      type Subscription {
        reading(unit: String, scale: Int): Reading
      }
      type Reading {
        value: Int
        broken: Int
        long: String
      }
    `,
    resolvers: {
      Subscription: {
        reading: {
          subscribe: () => feed.open(),
          resolve: (reading: Reading) => {
            feed.executions++;
            return reading;
          },
        },
      },
      Reading: {
        long: () => 'x'.repeat(100_000),
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
  let feed: Feed;
  let server: GraphServer;
  let url: string;
  beforeEach(async () => {
    feed = new Feed();
    server = createServer({
      schema: schemaOf(feed),
      context: () => ({}),
      logger: pino({ enabled: false }),
      graphiqlTabs: [],
      gatherMs: 0,
    });
    const { port } = await server.listen('127.0.0.1', 0);
    url = `http://127.0.0.1:${port}/graphql`;
    server.serve();
  });
  afterEach(() => server.stop());

  it('share one execution, over both transports, under ids of their own', async () => {
    const [a, b] = [await WsClient.connect(url), await WsClient.connect(url)];
    a.subscribe('first', READING, { unit: 'V', scale: 2 });
    a.subscribe('second "quoted"', READING, { scale: 2, unit: 'V' });
    b.subscribe('third', READING, { unit: 'V', scale: 2 });
    const sse = await openSse(url, READING, { unit: 'V', scale: 2 });
    await feed.subscribers(4);
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

  it.each([
    ['variables', READING, { unit: 'A' }],
    ['documents', READING.replace('value', 'other: value'), {}],
  ])('do not share with other %s', async (_what, query, variables) => {
    const client = await WsClient.connect(url);
    client.subscribe('a', READING);
    client.subscribe('b', query, variables);
    await feed.subscribers(2);
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
    await feed.subscribers(2);
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
    await feed.subscribers(3);
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

  it('wait for nobody who reads slowly, and lose nothing by reading slowly', async () => {
    const [fast, slow] = [await WsClient.connect(url), await WsClient.connect(url)];
    // 30 MB are more than the buffers of sockets take.
    const query = 'subscription { reading { value long } }';
    fast.subscribe('fast', query);
    slow.subscribe('slow', query);
    await feed.subscribers(2);
    slow.pause();
    const values = Array.from({ length: 300 }, (_, value) => value);
    values.forEach((value) => feed.give(value));
    const read = async (client: WsClient) => {
      const got: unknown[] = [];
      for (const _value of values) {
        const { payload } = (await client.messages.next()) as {
          payload: { data: { reading: Reading } };
        };
        got.push(payload.data.reading.value);
      }
      return got;
    };
    expect(await read(fast)).toEqual(values);
    const [, left] = [...feed.readers];
    expect(left.length).toBeGreaterThan(0);
    slow.resume();
    expect(await read(slow)).toEqual(values);
  });

  it('leave without taking the others along', async () => {
    const client = await WsClient.connect(url);
    client.subscribe('a', READING);
    client.subscribe('b', READING);
    await feed.subscribers(2);
    client.send({ id: 'a', type: 'complete' });
    await client.settled();
    expect(feed.readers.size).toBe(1);
    feed.give(5);
    expect(await client.messages.next()).toEqual(message('b', 5));
    expect(client.messages.drain()).toEqual([]);
  });
});

describe('gathering', () => {
  type Subscribe = (args: ExecutionArgs) => Promise<AsyncIterableIterator<ExecutionResult>>;

  /** What the plugin subscribes with, and the time at which the pauses it made would end. */
  function subscriber(feed: Feed, gatherMs: number) {
    let subscribe: Subscribe | undefined;
    const setSubscribeFn = (given: Subscribe) => (subscribe = given);
    void useSharedStreams(gatherMs).onSubscribe?.({ setSubscribeFn } as never);
    const args = { schema: schemaOf(feed), document: parse('subscription { reading { value } }') };
    return () => subscribe!(args as ExecutionArgs);
  }

  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('sends the first at once, and what follows it after the pause', async () => {
    const feed = new Feed();
    const stream = await subscriber(feed, 50)();
    feed.give(1);
    await expect(stream.next()).resolves.toMatchObject({ value: { data: { reading: { value: 1 } } } });
    let second: unknown = null;
    feed.give(2);
    void stream.next().then((step) => (second = step));
    await jest.advanceTimersByTimeAsync(49);
    expect(second).toBeNull();
    await jest.advanceTimersByTimeAsync(1);
    expect(second).toMatchObject({ value: { data: { reading: { value: 2 } } } });
  });

  it('does not pause a stream that was quiet, nor any when it is off', async () => {
    for (const [gatherMs, quietMs] of [
      [50, 50],
      [0, 0],
    ]) {
      const feed = new Feed();
      const stream = await subscriber(feed, gatherMs)();
      for (const value of [1, 2, 3]) {
        feed.give(value);
        await expect(stream.next()).resolves.toMatchObject({ value: { data: { reading: { value } } } });
        await jest.advanceTimersByTimeAsync(quietMs);
      }
      expect(jest.getTimerCount()).toBe(0);
    }
  });

  it('pauses all readers of an operation together, a new one too', async () => {
    const feed = new Feed();
    const open = subscriber(feed, 50);
    const early = await open();
    feed.give(1);
    await early.next();
    const late = await open();
    const both = Promise.all([early.next(), late.next()]);
    expect(jest.getTimerCount()).toBe(1);
    feed.give(2);
    await jest.advanceTimersByTimeAsync(50);
    const [one, other] = await both;
    expect(one.value).toBe(other.value);
  });

  it('is left at once', async () => {
    const feed = new Feed();
    const stream = await subscriber(feed, 50)();
    feed.give(1);
    await stream.next();
    const waiting = stream.next();
    await stream.return!();
    expect(feed.readers.size).toBe(0);
    await jest.advanceTimersByTimeAsync(50);
    expect(await waiting).toEqual({ done: true, value: undefined });
  });
});
