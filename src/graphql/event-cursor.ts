import { decodeNumberCursor, encodeCursor } from './cursors.js';
import type { Platform } from '../platform/platform.js';

/**
 * Names a platform's events for ever: a name is free again when its platform is deleted, and the next one's
 * event of the same number is another event.
 */
const listOf = ({ header }: Platform) => `events/${header.name}/${header.createdAt.toString(36)}`;

/** The cursor of an event: its platform and its number, the same in lists and in streams. */
export function eventCursor(platform: Platform, sequence: number): string {
  return encodeCursor(listOf(platform), sequence);
}

/** The number a cursor of this platform holds; another platform's is refused. */
export function sequenceOf(platform: Platform, cursor: string): number {
  return decodeNumberCursor(listOf(platform), cursor);
}
