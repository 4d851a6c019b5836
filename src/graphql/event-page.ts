import { type EventFilter, eventTest } from '../platform/event-filter.js';
import type { StampedEvent } from '../platform/event-journal.js';
import { scanEvents } from '../platform/event-scan.js';
import type { PlatformHost } from '../platform/host.js';
import type { Platform } from '../platform/platform.js';
import { DEFAULT_PAGE, Edge, MAX_PAGE, type Page, type PageArgs, checkPage, pageInfo } from './connection.js';
import { eventCursor, placeOf, sequenceOf } from './event-cursor.js';
import { type Search, found } from './long-search.js';
import { type EventView, eventView } from './views.js';

/** A page of retained events, oldest first. Without a size: the first thousand. */
export function eventPage(
  host: PlatformHost,
  platform: Platform,
  args: PageArgs,
  filter: EventFilter,
): Page<EventView> | Promise<Page<EventView>> {
  checkPage(args, MAX_PAGE);
  return found(host, platform, (seen) => pageOn(seen, args, filter));
}

function* pageOn(platform: Platform, args: PageArgs, filter: EventFilter): Search<Page<EventView>> {
  const { events } = platform;
  const first = Math.max(events.first, args.after == null ? 0 : placeOf(platform, args.after) + 1);
  const last =
    args.before == null
      ? events.last
      : Math.min(events.last, sequenceOf(platform, 'before', args.before) - 1);
  const backwards = args.last != null;
  const limit = args.first ?? args.last ?? DEFAULT_PAGE;
  const scan = scanEvents(
    events,
    { first, last, backwards },
    filter.kinds ?? null,
    eventTest(platform, filter),
  );
  const passed: StampedEvent[] = [];
  let more = false;
  for (const stamped of scan) {
    if (stamped === null) yield null;
    else if (passed.length < limit) {
      // So many are given in turns, between which the platform they are looked at with must not change.
      if (passed.length === DEFAULT_PAGE) yield null;
      passed.push(stamped);
    } else {
      more = true;
      break;
    }
  }
  if (backwards) passed.reverse();
  const cursorOf = ({ it }: EventView) => eventCursor(platform, it.sequence);
  const edges = passed.map((stamped) => new Edge(eventView(platform, stamped), cursorOf));
  return {
    edges,
    pageInfo: pageInfo(edges, backwards ? more : first > events.first, backwards ? last < events.last : more),
    totalCount: null,
  };
}
