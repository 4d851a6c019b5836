import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { GraphQLError } from 'graphql';
import { type ExecutionArgs, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import type { Logger } from 'pino';
import type { Endpoint } from './endpoint.js';
import type { Mask } from './masked-errors.js';
import { type SendNext, nextMessages } from './next-messages.js';
import { MAX_BODY_BYTES } from './request-body.js';

/** The WebSocket half of the server. */
export interface WebSockets {
  /** Takes over a connection that asked to become a WebSocket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Closes every socket with 1001; those that do not answer are cut when the time is over. */
  stop(graceMs: number): Promise<void>;
}

type Outcome = ExecutionResult | AsyncIterable<ExecutionResult>;

/** What graphql-ws carries from `onSubscribe` to `execute`: the pipeline made for one operation. */
interface Operation {
  readonly execute: (args: ExecutionArgs) => Promise<Outcome>;
  readonly subscribe: (args: ExecutionArgs) => Promise<Outcome>;
  readonly send: SendNext;
}

/** graphql-ws over the same pipeline that HTTP requests run through. */
export function createWebSockets(endpoint: Endpoint, mask: Mask, logger: Logger): WebSockets {
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
        const pipeline = endpoint.getEnveloped({
          ...context,
          req: context.extra.request,
          socket: context.extra.socket,
          params,
        });
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
              subscribe: pipeline.subscribe,
              send: nextMessages(context.extra.socket, id),
            } as Operation,
          };
        } catch (error) {
          // Thrown out of here, an error would close the socket and all that others do on it.
          return [mask(error)];
        }
      },
      execute: (args) => settle(operationOf(args), 'execute', args, mask),
      subscribe: (args) => settle(operationOf(args), 'subscribe', args, mask),
    },
    sockets,
  );
  return {
    upgrade(request, socket, head) {
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        sockets.emit('connection', webSocket, request);
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

async function settle(
  operation: Operation,
  how: 'execute' | 'subscribe',
  args: ExecutionArgs,
  mask: Mask,
): Promise<Outcome> {
  try {
    const outcome = await operation[how](withoutRoot(args));
    return Symbol.asyncIterator in outcome ? carry(outcome, operation.send, mask) : outcome;
  } catch (error) {
    return { errors: [mask(error)] };
  }
}

/** What graphql-ws has left to send of a stream. A failure ends it with a masked error. */
function carry(
  results: AsyncIterable<ExecutionResult>,
  send: SendNext,
  mask: Mask,
): AsyncIterableIterator<ExecutionResult> {
  const source = results[Symbol.asyncIterator]();
  const done = { done: true, value: undefined } as const;
  // Plain, so that return() does not queue behind a next() that waits for the next event.
  const iterator: AsyncIterableIterator<ExecutionResult> = {
    next: async () => {
      try {
        for (;;) {
          const step = await source.next();
          const sending = step.done === true ? null : send(step.value);
          if (sending === null) return step;
          if (sending !== 'sent') await sending;
        }
      } catch (error) {
        throw mask(error);
      }
    },
    return: async () => (await source.return?.()) ?? done,
    throw: async (error: unknown) => (await source.throw?.(error)) ?? done,
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}
