import { randomUUID } from 'node:crypto';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Logger } from 'pino';

/** What clients are told instead of an error that was not written for them. */
export const MASKED_MESSAGE = 'Unexpected error.';

/** Gives the error a client may see. */
export type Mask = (error: unknown) => GraphQLError;

/**
 * Hides errors that no resolver chose to show: the client gets a number, the log gets the original with its
 * stack under the same number.
 */
export function createMask(logger: Logger): Mask {
  const masked = new WeakMap<object, GraphQLError>();
  return (error) => {
    if (isForClients(error)) return error;
    const key = typeof error === 'object' && error !== null ? error : {};
    const known = masked.get(key);
    if (known !== undefined) return known;
    const errorId = randomUUID();
    const located = error instanceof GraphQLError ? error : undefined;
    logger.error({ errorId, path: located?.path, err: located?.originalError ?? error }, 'unexpected error');
    const replacement = new GraphQLError(MASKED_MESSAGE, {
      nodes: located?.nodes ?? null,
      path: located?.path ?? null,
      // `unexpected` makes the HTTP status 500 when there is no data.
      extensions: { code: 'INTERNAL_SERVER_ERROR', unexpected: true, errorId },
    });
    masked.set(key, replacement);
    return replacement;
  };
}

/** A GraphQLError thrown on purpose, possibly wrapped by the executor to tell its place. */
function isForClients(error: unknown): error is GraphQLError {
  if (!(error instanceof GraphQLError)) return false;
  return error.originalError === undefined || isForClients(error.originalError);
}

/** Parts of an error that say how it is to be sent and not what happened. */
const INTERNAL = ['http', 'unexpected'];

/** What a client gets of a masked error, in the form of the GraphQL response. */
export function clientError(error: GraphQLError): GraphQLFormattedError {
  const { extensions, ...shown } = error.toJSON();
  const entries = Object.entries(extensions ?? {}).filter(([name]) => !INTERNAL.includes(name));
  return entries.length === 0 ? shown : { ...shown, extensions: Object.fromEntries(entries) };
}
