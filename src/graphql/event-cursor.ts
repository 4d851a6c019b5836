import type { Platform } from '../platform/platform.js';
import { type CursorArgument, badCursor, decodeCursor, encodeCursor, notOfThisList } from './cursors.js';

/**
 * Names a platform's events for ever: a name is free again when its platform is deleted, and the next one's
 * event of the same number is another event.
 */
const listOf = ({ header }: Platform) => `events/${header.name}/${header.createdAt.toString(36)}`;

const timeOf = (platform: Platform, sequence: number) =>
  platform.events.at(sequence)?.recordedAt.toString(36) ?? null;

/**
 * The cursor of an event: its platform, when it was recorded and its number, the same in lists and in streams. Of an
 * event that is not kept, such as the last of a gap, it does not say when.
 */
export function eventCursor(platform: Platform, sequence: number): string {
  const time = timeOf(platform, sequence);
  return encodeCursor(listOf(platform), time === null ? sequence : `${time}/${sequence}`);
}

/**
 * The number a cursor of this platform holds. Refused are those of other platforms, and those of an event that is not
 * there any more: a log that does not wait for the disk gives numbers anew after a power cut, and who went on behind one
 * of the old would miss what is new before it.
 */
export function sequenceOf(platform: Platform, argument: CursorArgument, cursor: string): number {
  const key = /^(?:([0-9a-z]+)\/)?(\d{1,15})$/.exec(decodeCursor(listOf(platform), argument, cursor));
  if (key === null) throw notOfThisList(argument, cursor);
  const [, time] = key;
  const sequence = Number(key[2]);
  const there = timeOf(platform, sequence);
  if (time !== undefined && there !== null && there !== time)
    throw badCursor(argument, cursor, `is of an event platform ${platform.name} has lost; begin without it.`);
  return sequence;
}

/** The same for the place behind which events are asked for, which must not lie ahead. */
export function placeOf(platform: Platform, after: string): number {
  const sequence = sequenceOf(platform, 'after', after);
  const { last } = platform.events;
  if (sequence > last)
    throw badCursor(
      'after',
      after,
      `lies ahead of platform ${platform.name}, whose newest event is ${last}.`,
    );
  return sequence;
}
