import type { EventFilter } from '../platform/event-filter.js';
import { eventTest } from '../platform/event-filter.js';
import type { Platform } from '../platform/platform.js';
import { DEFAULT_PAGE, Edge, MAX_PAGE, type Page, type PageArgs, checkPage, pageInfo } from './connection.js';
import { eventCursor, sequenceOf } from './event-cursor.js';
import { type EventView, eventView } from './views.js';

/** A page of retained events, oldest first. Without a size: the first thousand. */
export function eventPage(platform: Platform, args: PageArgs, filter: EventFilter): Page<EventView> {
  checkPage(args, MAX_PAGE);
  const { events } = platform;
  const accept = eventTest(platform, filter);
  const from = Math.max(events.first, args.after == null ? 0 : sequenceOf(platform, args.after) + 1);
  const last =
    args.before == null ? events.last : Math.min(events.last, sequenceOf(platform, args.before) - 1);
  const limit = args.first ?? args.last ?? DEFAULT_PAGE;
  const backwards = args.last != null;
  const found: EventView[] = [];
  let more = false;
  const step = backwards ? -1 : 1;
  for (let at = backwards ? last : from; backwards ? at >= from : at <= last; at += step) {
    const stamped = events.at(at);
    if (stamped === undefined || !accept(stamped)) continue;
    if (found.length === limit) {
      more = true;
      break;
    }
    found.push(eventView(platform, stamped));
  }
  if (backwards) found.reverse();
  const cursorOf = ({ it }: EventView) => eventCursor(platform, it.sequence);
  const edges = found.map((node) => new Edge(node, cursorOf));
  return {
    edges,
    pageInfo: pageInfo(edges, backwards ? more : from > events.first, backwards ? last < events.last : more),
    totalCount: null,
  };
}
