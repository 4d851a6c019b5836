import { openSse } from './sse-client.js';
import { WsClient } from './ws-client.js';

export const TRANSPORTS = ['WebSocket', 'SSE'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** One subscription on a connection of its own, whichever way it came. */
export interface StreamClient {
  /** The payload of the next message; null when the stream has ended or the connection broke. */
  next(): Promise<Payload | null>;
  /** Stops reading until it is asked for more. */
  pause(): void;
  resume(): void;
  /** Goes away without a word. */
  kill(): void;
}

export interface Payload {
  readonly data?: Record<string, unknown>;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[];
}

export function openStream(
  url: string,
  transport: Transport,
  query: string,
  variables: object = {},
): Promise<StreamClient> {
  return transport === 'SSE' ? overSse(url, query, variables) : overWebSocket(url, query, variables);
}

async function overWebSocket(url: string, query: string, variables: object): Promise<StreamClient> {
  const client = await WsClient.connect(url);
  client.subscribe('stream', query, variables);
  const closed = client.closed.then(() => null);
  return {
    next: async () => {
      const message = client.messages.length > 0 ? await client.messages.next() : null;
      const got = message ?? (await Promise.race([client.messages.next(), closed]));
      if (got === null || got.type === 'complete') return null;
      return got.type === 'error' ? { errors: got.payload as Payload['errors'] } : (got.payload as Payload);
    },
    pause: () => client.pause(),
    resume: () => client.resume(),
    kill: () => client.terminate(),
  };
}

async function overSse(url: string, query: string, variables: object): Promise<StreamClient> {
  const stream = await openSse(url, query, variables);
  return {
    next: async () => {
      const event = await stream.next().catch(() => null);
      return event === null || event.event === 'complete' ? null : (event.data as Payload);
    },
    // It is read only when it is asked for more.
    pause: () => undefined,
    resume: () => undefined,
    kill: () => stream.abandon(),
  };
}
