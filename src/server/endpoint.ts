import type { GraphQLSchema } from 'graphql';
import { createLRUCache, createYoga, type YogaServerInstance } from 'graphql-yoga';
import type { Logger } from 'pino';
import { useEventStreams } from './event-stream.js';
import { MASKED_MESSAGE, type Mask } from './masked-errors.js';
import { type ServerContext, useBoundedBody } from './request-body.js';
import type { OpenStream } from './streams.js';

/** Where GraphQL is served, over HTTP and over WebSocket. */
export const GRAPHQL_PATH = '/graphql';

/** The pipeline every operation runs through, whatever it came by. */
export type Endpoint = YogaServerInstance<ServerContext, object>;

/** Longest document that is kept parsed. A thousand are kept, and a tree takes some thirty times its text. */
const MAX_KEPT_TEXT = 8 * 1024;

/** Yoga's cache counts documents and not what they take; one of 16 MiB would be kept as long as one of 16 bytes. */
function shortTexts<T extends object>() {
  const cache = createLRUCache<T>();
  return {
    get: (text: string) => cache.get(text),
    set: (text: string, value: T) => void (text.length <= MAX_KEPT_TEXT && cache.set(text, value)),
  };
}

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
    parserAndValidationCache: { documentCache: shortTexts(), errorCache: shortTexts() },
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
