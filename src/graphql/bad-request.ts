import { GraphQLError } from 'graphql';

/** A refusal of a query, which has no union to put it in. */
export function badRequest(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } } });
}
