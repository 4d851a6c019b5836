import type { GraphQLSchema } from 'graphql';
import { createYoga, type YogaServerInstance } from 'graphql-yoga';
import type { Logger } from 'pino';
import { useEventStreams } from './event-stream.js';
import { MASKED_MESSAGE, type Mask } from './masked-errors.js';
import { type ServerContext, useBoundedBody } from './request-body.js';
import type { OpenStream } from './streams.js';

/** Where GraphQL is served, over HTTP and over WebSocket. */
export const GRAPHQL_PATH = '/graphql';

/** The pipeline every operation runs through, whatever it came by. */
export type Endpoint = YogaServerInstance<ServerContext, object>;

/** Builds the pipeline for a schema; `context` gives what resolvers get. */
export function createEndpoint(
  schema: GraphQLSchema,
  context: () => object,
  mask: Mask,
  logger: Logger,
  openStream: OpenStream,
): Endpoint {
  return createYoga<ServerContext, object>({
    schema,
    context,
    graphqlEndpoint: GRAPHQL_PATH,
    // Our own page and our own bound; see graphiql-page.ts and request-body.ts.
    graphiql: false,
    landingPage: false,
    maxRequestBodySize: false,
    cors: false,
    multipart: false,
    batching: false,
    maskedErrors: { errorMessage: MASKED_MESSAGE, maskError: mask },
    plugins: [useBoundedBody(), useEventStreams(openStream, mask)],
    logging: {
      debug: () => undefined,
      info: (...parts) => logger.info(parts.join(' ')),
      warn: (...parts) => logger.warn(parts.join(' ')),
      // Yoga reports what it has just had masked; the mask has logged that, with its number.
      error: (error) => void mask(error),
    },
  });
}
