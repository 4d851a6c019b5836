import { pino } from 'pino';
import { createSchema } from 'graphql-yoga';
import { type GraphServer, createServer } from '../../src/server/graph-server.js';
import { Queue } from '../support/server/queue.js';

const PING_MS = 12_000;

/** A stream that gives long texts for as long as it is read, and tells when it is left. */
function endless(left: () => void): AsyncIterableIterator<string> {
  const text = 'x'.repeat(1_000_000);
  const iterator: AsyncIterableIterator<string> = {
    next: () => Promise.resolve({ done: false, value: text }),
    return: () => (left(), Promise.resolve({ done: true, value: undefined })),
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

describe('a stream of server-sent events', () => {
  const left = new Queue<null>();
  const typeDefs = 'type Query { a: Int } type Subscription { quiet: String endless: String }';
  const never = new Promise<never>(() => undefined);
  const quiet = { next: () => never, [Symbol.asyncIterator]: () => quiet };
  const resolvers = {
    Subscription: {
      quiet: { subscribe: () => quiet, resolve: (text: string) => text },
      endless: { subscribe: () => endless(() => left.push(null)), resolve: (text: string) => text },
    },
  };
  let server: GraphServer;
  let url: string;
  beforeEach(async () => {
    jest.useFakeTimers({
      doNotFake: [
        'nextTick',
        'setImmediate',
        'clearImmediate',
        'queueMicrotask',
        'performance',
        'setTimeout',
        'clearTimeout',
      ],
    });
    server = createServer({
      schema: createSchema({ typeDefs, resolvers }),
      context: () => ({}),
      logger: pino({ enabled: false }),
      graphiqlTabs: [],
      streams: { gatherMs: 0 },
    });
    const { port } = await server.listen('127.0.0.1', 0);
    url = `http://127.0.0.1:${port}/graphql`;
    server.serve();
  });
  afterEach(async () => {
    await server.stop();
    jest.useRealTimers();
  });

  const open = async (field: string) => {
    const response = await fetch(`${url}?query=subscription{${field}}`, {
      headers: { accept: 'text/event-stream' },
    });
    return response.body!.pipeThrough(new TextDecoderStream()).getReader();
  };

  it('begins with a sign of life, and gives one every twelve seconds', async () => {
    const stream = await open('quiet');
    for (let sign = 0; sign < 3; sign++) {
      expect((await stream.read()).value).toBe(':\n\n');
      jest.advanceTimersByTime(PING_MS);
    }
    await stream.cancel();
  });

  it('is cut off when its client takes nothing from one sign to the next, and lets go of its source', async () => {
    const stream = await open('endless');
    expect((await stream.read()).value).toContain(':\n\n');
    // The client reads no more; until the buffers in between are full, it still takes.
    let gone = false;
    void left.next().then(() => (gone = true));
    while (!gone) {
      jest.advanceTimersByTime(PING_MS);
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    }
    await expect(
      (async () => {
        while (!(await stream.read()).done);
      })(),
    ).rejects.toThrow();
  });
});
