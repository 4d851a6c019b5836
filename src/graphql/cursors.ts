import { GraphQLError } from 'graphql';

/** A malformed cursor, or one of another list or platform. Reaches the client as it is, with this code. */
function badCursor(text: string): GraphQLError {
  return new GraphQLError(
    `Cursor "${text.slice(0, 80)}" is not one of this list: use a cursor it gave out.`,
    {
      extensions: { code: 'BAD_CURSOR', http: { status: 400 } },
    },
  );
}

/**
 * A cursor says which list it belongs to and the key of an element; never a position, so it stays valid
 * when elements come and go.
 */
export function encodeCursor(list: string, key: string | number): string {
  return Buffer.from(`${list}\n${key}`).toString('base64url');
}

/** The key a cursor of this list holds. */
export function decodeCursor(list: string, cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (!text.startsWith(`${list}\n`) || encodeCursor(list, text.slice(list.length + 1)) !== cursor)
    throw badCursor(cursor);
  return text.slice(list.length + 1);
}

/** The key as a number, for lists keyed by one. */
export function decodeNumberCursor(list: string, cursor: string): number {
  const key = decodeCursor(list, cursor);
  if (!/^\d{1,16}$/.test(key) || !Number.isSafeInteger(Number(key))) throw badCursor(cursor);
  return Number(key);
}
