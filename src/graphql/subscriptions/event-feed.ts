import { CHUNK_EVENTS, type EventChunk, type EventKind } from '../../platform/event-chunk.js';
import { type EventFilter, eventTest } from '../../platform/event-filter.js';
import type { EventJournal, StampedEvent } from '../../platform/event-journal.js';
import { hasAnyOf } from '../../platform/event-scan.js';
import type { Platform } from '../../platform/platform.js';

/** Most events one message carries. */
export const MAX_BATCH = 500;

/**
 * Most events that are looked at in one go; chunks without the kinds wanted are passed over unseen. After a start they
 * are unpacked first, which takes some 2 us each: a filter that lets few of a million through would stop the server for
 * seconds.
 */
export const MOST_LOOKED_AT = 4096;

/** Passing over a chunk counts as this many events: the first who asks for its kinds goes through it. */
const PASSING_OVER = 32;

/** Filters of one platform that are kept; more than that only means less sharing. */
const MOST_KEPT = 256;

/** Numbers a reader was not given the events of. */
export interface Gap {
  readonly firstMissing: number;
  readonly lastMissing: number;
  readonly reason: 'SLOW_CONSUMER' | 'COMPACTED';
}

/** One message of a stream. */
export interface Batch {
  readonly platform: Platform;
  readonly events: readonly StampedEvent[];
  readonly gap: Gap | null;
  /** Number of the last event looked at, given or filtered out. */
  readonly position: number;
}

/**
 * What lies behind a number: a batch, or nothing that passes the filter, and the number looked at last, which need
 * not be that of the newest event.
 */
export interface Find {
  readonly batch: Batch | null;
  readonly position: number;
}

export type Accept = (event: StampedEvent) => boolean;

/** The events of a platform that pass one filter. Whoever stands at one place finds the same, the very object. */
export class EventFeed {
  /** What was found since the journal last changed, by the number looked behind. */
  private finds = new Map<number, Find>();
  private last = -1;
  private first = -1;

  constructor(
    readonly platform: Platform,
    private readonly accept: Accept,
    /** The only ones that can pass; null for any. */
    private readonly kinds: readonly EventKind[] | null = null,
  ) {}

  /** Rings whenever there may be more, until the function it gives is called. */
  listen(ring: () => void): () => void {
    return this.platform.events.listen(ring);
  }

  /** What lies behind a number. Each event is put to the filter once, however many readers there are. */
  behind(after: number): Find {
    const { last, first } = this.platform.events;
    if (last !== this.last || first !== this.first) {
      this.finds = new Map();
      this.last = last;
      this.first = first;
    }
    let found = this.finds.get(after);
    if (found === undefined) this.finds.set(after, (found = this.look(this.platform.events, after)));
    return found;
  }

  private look(journal: EventJournal, after: number): Find {
    const { first, last } = journal;
    const gap = after + 1 < first ? gapOf(after + 1, first - 1, 'COMPACTED') : null;
    let position = gap === null ? after : gap.lastMissing;
    const events: StampedEvent[] = [];
    let left = MOST_LOOKED_AT;
    while (position < last && left > 0 && events.length < MAX_BATCH) {
      const { chunk, first: base } = journal.chunkOf(position + 1);
      const end = Math.min(last, base + CHUNK_EVENTS - 1);
      if (this.isPassedOver(chunk)) {
        position = end;
        left -= PASSING_OVER;
        continue;
      }
      const { events: all } = chunk;
      for (; position < end && left > 0 && events.length < MAX_BATCH; left--) {
        const stamped = all[++position - base];
        if (this.accept(stamped)) events.push(stamped);
      }
    }
    const batch =
      gap === null && events.length === 0 ? null : { platform: this.platform, events, gap, position };
    return { batch, position };
  }

  /** Whether nothing in a chunk can pass. Which kinds there are in one that still grows is not kept. */
  private isPassedOver(chunk: EventChunk): boolean {
    return this.kinds !== null && chunk.isFull && !hasAnyOf(chunk, this.kinds);
  }
}

export function gapOf(firstMissing: number, lastMissing: number, reason: Gap['reason']): Gap {
  return { firstMissing, lastMissing, reason };
}

const feeds = new WeakMap<Platform, Map<string, EventFeed>>();

/** The feed of a filter: the same for equal filters, so that all who use it find together. */
export function feedOf(platform: Platform, filter: EventFilter): EventFeed {
  let ofPlatform = feeds.get(platform);
  if (ofPlatform === undefined) feeds.set(platform, (ofPlatform = new Map()));
  const key = JSON.stringify(filter);
  const known = ofPlatform.get(key);
  if (known !== undefined) return known;
  const made = new EventFeed(platform, eventTest(platform, filter), filter.kinds ?? null);
  if (ofPlatform.size >= MOST_KEPT) ofPlatform.clear();
  ofPlatform.set(key, made);
  return made;
}
