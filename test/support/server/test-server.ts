import { GraphQLError } from 'graphql';
import { createSchema } from 'graphql-yoga';
import { pino } from 'pino';
import { createServer, type GraphServer } from '../../../src/server/graph-server.js';
import type { GraphiqlTab } from '../../../src/server/graphiql-tabs.js';

/** A server over a small schema of its own, with what it logs and how many subscriptions it holds. */
export interface TestServer {
  readonly server: GraphServer;
  readonly base: string;
  readonly url: string;
  readonly logged: { msg: string; errorId?: string; err?: { message: string; stack: string } }[];
  /** Resolves when the number of subscriptions alive has become this. */
  subscriptions(count: number): Promise<void>;
}

/** A stream that never gives anything, and counts itself. */
function endless(alive: Counter): AsyncIterableIterator<number> {
  alive.add(1);
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = () => {
      alive.add(-1);
      end = () => undefined;
      resolve();
    };
  });
  const done = { done: true, value: undefined } as const;
  const iterator: AsyncIterableIterator<number> = {
    next: () => ended.then(() => done),
    return: () => (end(), Promise.resolve(done)),
    throw: () => (end(), Promise.resolve(done)),
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}

class Counter {
  private value = 0;
  private readonly waiting = new Set<() => void>();

  add(step: number): void {
    this.value += step;
    for (const check of [...this.waiting]) check();
  }

  becomes(value: number): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.value !== value) return;
        this.waiting.delete(check);
        resolve();
      };
      this.waiting.add(check);
      check();
    });
  }
}

export async function startTestServer(tabs: readonly GraphiqlTab[] = []): Promise<TestServer> {
  const alive = new Counter();
  const logged: TestServer['logged'] = [];
  const schema = createSchema({
    typeDefs: /* GraphQL */ `
      type Query {
        greeting: String
        length(text: String!): Int
        refused: String
        boom: String
      }
      type Mutation {
        bump: Int
      }
      type Subscription {
        count(to: Int!): Int
        endless: Int
        breaks: Int
        refuses: Int
      }
    `,
    resolvers: {
      Query: {
        greeting: (_root, _args, context: { greeting: string }) => context.greeting,
        length: (_root, { text }: { text: string }) => text.length,
        refused: () => {
          throw new GraphQLError('Not today.', { extensions: { code: 'REFUSED' } });
        },
        boom: () => {
          throw new Error('the password is hunter2');
        },
      },
      Mutation: { bump: () => 1 },
      Subscription: {
        count: {
          subscribe: async function* (_root: unknown, { to }: { to: number }) {
            for (let n = 1; n <= to; n++) yield n;
          },
          resolve: (n: number) => n,
        },
        endless: { subscribe: () => endless(alive), resolve: (n: number) => n },
        breaks: {
          subscribe: async function* () {
            yield 1;
            throw new Error('the password is hunter2');
          },
          resolve: (n: number) => n,
        },
        refuses: {
          subscribe: () => {
            throw new Error('the password is hunter2');
          },
          resolve: (n: number) => n,
        },
      },
    },
  });
  const logger = pino({ base: null }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const server = createServer({ schema, context: () => ({ greeting: 'hello' }), logger, graphiqlTabs: tabs });
  const { port } = await server.listen('127.0.0.1', 0);
  const base = `http://127.0.0.1:${port}`;
  return { server, base, url: `${base}/graphql`, logged, subscriptions: (count) => alive.becomes(count) };
}
