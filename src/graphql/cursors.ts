import { GraphQLError } from 'graphql';

/** Arguments that take a cursor. */
export type CursorArgument = 'after' | 'before';

/** Refuses a cursor; reaches the client as it is, with this code. */
export function badCursor(argument: CursorArgument, cursor: string, why: string): GraphQLError {
  return new GraphQLError(`${argument} "${cursor.slice(0, 80)}" ${why}`, {
    extensions: { code: 'BAD_CURSOR', http: { status: 400 } },
  });
}

/** Refuses a malformed cursor, or one of another list or platform. */
export const notOfThisList = (argument: CursorArgument, cursor: string) =>
  badCursor(argument, cursor, 'is not one of this list: use a cursor it gave out.');

/**
 * A cursor says which list it belongs to and the key of an element; never a position, so it stays valid
 * when elements come and go.
 */
export function encodeCursor(list: string, key: string | number): string {
  return Buffer.from(`${list}\n${key}`).toString('base64url');
}

/** The key a cursor of this list holds. */
export function decodeCursor(list: string, argument: CursorArgument, cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (!text.startsWith(`${list}\n`) || encodeCursor(list, text.slice(list.length + 1)) !== cursor)
    throw notOfThisList(argument, cursor);
  return text.slice(list.length + 1);
}

/** The key as a number, for lists keyed by one. */
export function decodeNumberCursor(list: string, argument: CursorArgument, cursor: string): number {
  const key = decodeCursor(list, argument, cursor);
  if (!/^\d{1,16}$/.test(key) || !Number.isSafeInteger(Number(key))) throw notOfThisList(argument, cursor);
  return Number(key);
}
