import { setImmediate } from 'node:timers/promises';
import { type EventFilter, eventTest } from '../platform/event-filter.js';
import type { StampedEvent } from '../platform/event-journal.js';
import { scanEvents } from '../platform/event-scan.js';
import type { PlatformHost } from '../platform/host.js';
import type { Platform } from '../platform/platform.js';
import { DEFAULT_PAGE, Edge, MAX_PAGE, type Page, type PageArgs, checkPage, pageInfo } from './connection.js';
import { eventCursor, sequenceOf } from './event-cursor.js';
import { type EventView, eventView } from './views.js';

/**
 * A page of retained events, oldest first. Without a size: the first thousand. A promise of it when there is much to
 * look through: others are served meanwhile, and the page is of the moment it was asked for all the same.
 */
export function eventPage(
  host: PlatformHost,
  platform: Platform,
  args: PageArgs,
  filter: EventFilter,
): Page<EventView> | Promise<Page<EventView>> {
  checkPage(args, MAX_PAGE);
  const events = platform.events.copy();
  const first = Math.max(events.first, args.after == null ? 0 : sequenceOf(platform, args.after) + 1);
  const last =
    args.before == null ? events.last : Math.min(events.last, sequenceOf(platform, args.before) - 1);
  const backwards = args.last != null;
  const limit = args.first ?? args.last ?? DEFAULT_PAGE;
  const range = { first, last, backwards };
  const scan = scanEvents(events, range, filter.kinds ?? null, eventTest(platform, filter));
  const found: StampedEvent[] = [];
  const page = (seen: Platform): Page<EventView> => {
    const more = found.length > limit;
    const shown = found.slice(0, limit);
    if (backwards) shown.reverse();
    const cursorOf = ({ it }: EventView) => eventCursor(seen, it.sequence);
    const edges = shown.map((stamped) => new Edge(eventView(seen, stamped), cursorOf));
    const [before, after] = backwards ? [more, last < events.last] : [first > events.first, more];
    return { edges, pageInfo: pageInfo(edges, before, after), totalCount: null };
  };
  // What an event names is looked up when the page is there: in the platform as it is now, then too.
  return search(scan, found, limit + 1)
    ? page(platform)
    : Promise.all([host.still(platform), searchOn(scan, found, limit + 1)]).then(([then]) => page(then));
}

type Scan = ReturnType<typeof scanEvents>;

/** One go of a search; whether it is over: enough was found, or nothing is left. */
function search(scan: Scan, found: StampedEvent[], enough: number): boolean {
  while (found.length < enough) {
    const { value, done } = scan.next();
    if (done === true) return true;
    if (value === null) return false;
    found.push(value);
  }
  return true;
}

async function searchOn(scan: Scan, found: StampedEvent[], enough: number): Promise<void> {
  do await setImmediate();
  while (!search(scan, found, enough));
}
