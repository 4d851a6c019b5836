import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Plugin } from 'graphql-yoga';
import { PING_MS } from './heartbeat.js';
import { type Mask, clientError } from './masked-errors.js';
import type { Sink } from './reader.js';
import type { ServerContext } from './request-body.js';
import type { SharedAnswer } from './shared-answer.js';
import type { OpenStream, OpenedStream } from './streams.js';

/**
 * Writes subscriptions over server-sent events ("distinct connections mode" of graphql-sse) straight to the
 * response. Yoga still reads the request and chooses the form of the answer; its own way of sending would put
 * every message of every subscriber through web streams.
 */
export function useEventStreams(openStream: OpenStream, mask: Mask): Plugin<object, ServerContext> {
  const opened = new WeakMap<IncomingMessage, OpenedStream>();
  return {
    onSubscribe({ setSubscribeFn }) {
      setSubscribeFn(async (args) => {
        const stream = await openStream(args);
        if (!('readInto' in stream)) return stream;
        opened.set((args.contextValue as ServerContext).req, stream);
        return UNREAD;
      });
    },
    onResultProcess({ serverContext: { req, res }, resultProcessor, setResultProcessor }) {
      const stream = opened.get(req);
      // Without a processor the client takes no stream, and gets yoga's 406.
      if (stream === undefined || resultProcessor === undefined) return;
      const send = async (_result: unknown, { Response }: { Response: typeof globalThis.Response }) => {
        await sendEvents(stream, res, mask);
        // Yoga finds the response ended and leaves it.
        return new Response(null);
      };
      setResultProcessor(send, 'text/event-stream');
    },
  };
}

/** Stands in yoga for a stream that is not read through it. */
const UNREAD: AsyncIterableIterator<never> = {
  next: () => Promise.resolve({ done: true, value: undefined }),
  [Symbol.asyncIterator]: () => UNREAD,
};

/** Resolves when the response has ended, whoever ended it. */
function sendEvents(stream: OpenedStream, response: ServerResponse, mask: Mask): Promise<void> {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    connection: 'keep-alive',
  });
  // Some browsers wait for the first byte before they say that they are connected.
  response.write(':\n\n');
  return new Promise((resolve) => {
    const sink = new ResponseSink(response, mask);
    const pings = setInterval(() => sink.ping(), PING_MS);
    const reader = stream.readInto(sink);
    const over = () => {
      clearInterval(pings);
      reader.close();
      resolve();
    };
    if (response.closed) over();
    else response.once('close', over);
  });
}

class ResponseSink implements Sink {
  /** What the last ping found waiting; the same again, with none of it taken, is a dead connection. */
  private stuck = false;

  constructor(
    private readonly response: ServerResponse,
    private readonly mask: Mask,
  ) {}

  get waiting(): number {
    return this.response.writableLength;
  }

  send({ event }: SharedAnswer, flushed?: (error?: Error | null) => void): void {
    this.response.write(event, flushed);
  }

  end(error?: unknown): void {
    if (error !== undefined) {
      const errors = [clientError(this.mask(error))];
      this.response.write(`event: next\ndata: ${JSON.stringify({ errors })}\n\n`);
    }
    this.response.end('event: complete\ndata:\n\n');
  }

  /** A client that has taken nothing since the last ping is gone, as one that answers no ping of a socket. */
  ping(): void {
    if (this.stuck) this.response.destroy();
    else if (this.waiting === 0) this.response.write(':\n\n');
    else {
      this.stuck = true;
      this.response.once('drain', () => (this.stuck = false));
    }
  }
}
