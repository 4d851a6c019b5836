import type { GraphQLError, GraphQLSchema } from 'graphql';
import type { ExecutionArgs, ExecutionResult } from 'graphql';
import type { ServerOptions } from 'graphql-ws';
import type { Connection } from './connection.js';
import type { Endpoint } from './endpoint.js';
import { type Mask, clientError } from './masked-errors.js';
import { SocketStream } from './socket-stream.js';
import type { OpenStream, OpenedStream } from './streams.js';

/** What graphql-ws carries from `onSubscribe` to the rest: the pipeline made for one operation. */
interface Operation {
  readonly execute: (args: ExecutionArgs) => Promise<ExecutionResult>;
  readonly carry: (opened: OpenedStream) => SocketStream;
}

/** How graphql-ws runs operations: through the same pipeline as HTTP requests. */
export function socketOperations(
  endpoint: Endpoint,
  openStream: OpenStream,
  mask: Mask,
): ServerOptions<undefined, Connection> {
  return {
    onSubscribe: async ({ extra }, id, params) => {
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
            carry: (opened) => {
              // graphql-ws keeps it as long as the stream lasts; nobody looks at it again.
              Object.assign(params, { query: '' });
              return new SocketStream(extra, id, opened, mask);
            },
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
        const { carry } = operationOf(args);
        const opened = await openStream(withoutRoot(args));
        if ('readInto' in opened) {
          // These, too.
          args.rootValue = args.contextValue = undefined;
          return carry(opened);
        }
        return { ...opened, ...(opened.errors && { errors: opened.errors.map(mask) }) };
      } catch (error) {
        return { errors: [mask(error)] };
      }
    },
    onError: (_context, _id, _payload, errors) => errors.map(clientError),
    onNext: (_context, _id, _payload, _args, { errors, ...rest }) =>
      errors && { ...rest, errors: errors.map(clientError) },
  };
}

function operationOf(args: ExecutionArgs): Operation {
  return args.rootValue as Operation;
}

function withoutRoot(args: ExecutionArgs): ExecutionArgs {
  return { ...args, rootValue: undefined };
}
