import { decodeNumberCursor, encodeCursor } from './cursors.js';
import type { Platform } from '../platform/platform.js';

/** The cursor of an event: its platform and its number, the same in lists and in streams. */
export function eventCursor(platform: Platform, sequence: number): string {
  return encodeCursor(`events/${platform.name}`, sequence);
}

/** The number a cursor of this platform holds; another platform's is refused. */
export function sequenceOf(platform: Platform, cursor: string): number {
  return decodeNumberCursor(`events/${platform.name}`, cursor);
}
