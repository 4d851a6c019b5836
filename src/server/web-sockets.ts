import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { GraphQLError } from 'graphql';
import { type ExecutionArgs, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import type { Logger } from 'pino';
import type { Endpoint } from './endpoint.js';
import type { Mask } from './masked-errors.js';
import type { Reader, Sink } from './reader.js';
import { MAX_BODY_BYTES } from './request-body.js';
import { SocketSink } from './socket-sink.js';
import type { OpenStream } from './streams.js';

/** The WebSocket half of the server. */
export interface WebSockets {
  /** Takes over a connection that asked to become a WebSocket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Closes every socket with 1001; those that do not answer are cut when the time is over. */
  stop(graceMs: number): Promise<void>;
}

/** What graphql-ws carries from `onSubscribe` to `execute`: the pipeline made for one operation. */
interface Operation {
  readonly execute: (args: ExecutionArgs) => Promise<ExecutionResult>;
  readonly sink: (end: (error?: unknown) => void) => Sink;
}

/** graphql-ws over the same pipeline that HTTP requests run through. */
export function createWebSockets(
  endpoint: Endpoint,
  openStream: OpenStream,
  mask: Mask,
  logger: Logger,
): WebSockets {
  // No server of its own: an address in use is then reported once, by the HTTP server.
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_BODY_BYTES,
  });
  const protocol = useServer(
    {
      // Close reasons of internal errors say nothing about them.
      isProd: true,
      onSubscribe: async (context, id, params) => {
        const pipeline = endpoint.getEnveloped({ params });
        try {
          const document = pipeline.parse(params.query);
          const schema = pipeline.schema as GraphQLSchema;
          const errors = pipeline.validate(schema, document);
          if (errors.length > 0) return errors as readonly GraphQLError[];
          return {
            schema,
            document,
            operationName: params.operationName,
            variableValues: params.variables,
            contextValue: await pipeline.contextFactory(),
            rootValue: {
              execute: pipeline.execute,
              sink: (end) => new SocketSink(context.extra.socket, id, end),
            } as Operation,
          };
        } catch (error) {
          // Thrown out of here, an error would close the socket and all that others do on it.
          return [mask(error)];
        }
      },
      execute: async (args) => {
        try {
          return await operationOf(args).execute(withoutRoot(args));
        } catch (error) {
          return { errors: [mask(error)] };
        }
      },
      subscribe: async (args) => {
        try {
          const { sink } = operationOf(args);
          const opened = await openStream(withoutRoot(args));
          if ('readInto' in opened) {
            // graphql-ws keeps these as long as the stream lasts; nobody looks at them again.
            args.rootValue = args.contextValue = undefined;
            return carry((end) => opened.readInto(sink(end)), mask);
          }
          return { ...opened, ...(opened.errors && { errors: opened.errors.map(mask) }) };
        } catch (error) {
          return { errors: [mask(error)] };
        }
      },
    },
    sockets,
  );
  return {
    upgrade(request, socket, head) {
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        // Without the request, which graphql-ws would keep as long as the connection lasts.
        sockets.emit('connection', webSocket);
        // graphql-ws prints a stack for what a client did wrong; ws has closed the socket with the reason.
        webSocket.removeAllListeners('error');
        webSocket.on('error', (error) => logger.info({ err: error.message }, 'socket closed'));
      });
    },
    async stop(graceMs) {
      const timer = setTimeout(() => {
        for (const client of sockets.clients) client.terminate();
      }, graceMs);
      await protocol.dispose();
      clearTimeout(timer);
    },
  };
}

function operationOf(args: ExecutionArgs): Operation {
  return args.rootValue as Operation;
}

function withoutRoot(args: ExecutionArgs): ExecutionArgs {
  return { ...args, rootValue: undefined };
}

/**
 * What graphql-ws has left to do of a stream: tell its end. The messages go to the socket without it. A stream
 * that begins to be read is read until the client completes it or goes away, which returns the iterator.
 */
function carry(
  begin: (end: (error?: unknown) => void) => Reader,
  mask: Mask,
): AsyncIterableIterator<ExecutionResult> {
  const done = { done: true, value: undefined } as const;
  let end: (error?: unknown) => void = () => undefined;
  const ended = new Promise<IteratorResult<ExecutionResult>>((resolve, reject) => {
    end = (error) => (error === undefined ? resolve(done) : reject(mask(error)));
  });
  // A stream that fails before graphql-ws asks is told of it when it does.
  ended.catch(() => undefined);
  /** Null once it was called: with it goes all that was needed to open the stream. */
  let unread: typeof begin | null = begin;
  let reader: Reader | null = null;
  const iterator: AsyncIterableIterator<ExecutionResult> = {
    next: () => {
      reader ??= unread!(end);
      unread = null;
      return ended;
    },
    return: () => {
      reader?.close();
      end();
      return Promise.resolve(done);
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}
