import { join } from 'node:path';
import { pino } from 'pino';
import { type Running, serve } from '../../src/server/serve.js';

/** A real server on a port of its own, with the platform `demo`, and a way to ask it. */
export interface Api {
  readonly url: string;
  /** Runs an operation over HTTP and gives its data; errors at the top level throw. */
  ask<T = Record<string, never>>(query: string, variables?: object): Promise<T>;
  /** Runs an operation over HTTP and gives the whole answer. */
  raw(query: string, variables?: object): Promise<{ status: number; body: Answer }>;
  stop(): Promise<void>;
}

export interface Answer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: Record<string, unknown> }[];
}

export const OPERATIONS = join(__dirname, '..', '..', 'schema', 'operations');

export async function startApi(): Promise<Api> {
  const running: Running = await serve({
    host: '127.0.0.1',
    port: 0,
    log: 'memory',
    dataDirectory: '',
    sync: 'full',
    logLost: (reason) => {
      throw reason;
    },
    programDirectory: '',
    operationsDirectory: OPERATIONS,
    logger: pino({ enabled: false }),
  });
  return apiAt(running.url, () => running.stop());
}

/** The same ways of asking, for a server that runs elsewhere. */
export function apiAt(url: string, stop: () => Promise<void> = () => Promise.resolve()): Api {
  const raw = async (query: string, variables: object = {}) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    return { status: response.status, body: (await response.json()) as Answer };
  };
  return {
    url,
    raw,
    ask: async <T>(query: string, variables?: object) => {
      const { body } = await raw(query, variables);
      if (body.errors !== undefined) throw new Error(JSON.stringify(body.errors));
      return body.data as T;
    },
    stop,
  };
}
