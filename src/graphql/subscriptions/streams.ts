import { GraphQLError } from 'graphql';
import type { EventFilter } from '../../platform/event-filter.js';
import { whenWhole } from '../../platform/in-slices.js';
import { builder } from '../builder.js';
import type { GraphContext } from '../context.js';
import { StreamGapReasonEnum } from '../enums.js';
import { eventCursor, placeOf } from '../event-cursor.js';
import {
  EventFilterInput,
  FaultFilterInput,
  type GivenFilter,
  InvalidationFilterInput,
  filterOf,
} from '../event-inputs.js';
import { decodeId } from '../ids.js';
import { Event } from '../interfaces.js';
import { FaultEventRef, InvalidationEventRef } from '../refs.js';
import { eventView } from '../views.js';
import { type Batch, type Gap, feedOf } from './event-feed.js';
import { Follower } from './follow.js';

const StreamGap = builder.objectRef<Gap>('StreamGap').implement({
  description:
    'Events this subscriber did not get, because it read too slowly or the log no longer holds them. Query Platform.events for what is retained. Numbers are those of all events, whatever the filter lets through.',
  fields: (t) => ({
    firstMissing: t.expose('firstMissing', { type: 'SequenceNumber', description: 'First number missed.' }),
    lastMissing: t.expose('lastMissing', {
      type: 'SequenceNumber',
      description: 'Last number missed, inclusive.',
    }),
    reason: t.expose('reason', { type: StreamGapReasonEnum, description: 'Why.' }),
  }),
});

function batchType(name: string, what: string, type: typeof FaultEventRef) {
  return builder.objectRef<Batch>(name).implement({
    description:
      'One message of a stream. A quiet stream carries one event a message; a storm is carried in fewer, fuller messages. Resume with after: cursor.',
    fields: (t) => ({
      events: t.field({
        type: [type],
        description: `${what}, oldest first.`,
        resolve: ({ platform, events }) => events.map((stamped) => eventView(platform, stamped)),
      }),
      gap: t.field({
        type: StreamGap,
        nullable: true,
        description: 'What was missed before these events; null when nothing was.',
        resolve: ({ gap }) => gap,
      }),
      cursor: t.field({
        type: 'Cursor',
        description: 'Resume here: everything up to it was given or did not pass the filter.',
        resolve: ({ platform, position }) => eventCursor(platform, position),
      }),
    }),
  });
}

const EventBatch = batchType('EventBatch', 'Events', Event as unknown as typeof FaultEventRef);
const FaultBatch = batchType('FaultBatch', 'Faults', FaultEventRef);
const InvalidationBatch = batchType('InvalidationBatch', 'Descriptors executed', InvalidationEventRef);

interface Wanted {
  readonly platform: string;
  readonly filter?: GivenFilter | null;
  readonly after?: string | null;
}

/**
 * Opens a stream on the platform an id names.
 *
 * @param kinds the only ones, whatever the filter lets through; any when left out
 */
function open({ host }: GraphContext, { platform: id, filter, after }: Wanted, kinds?: EventFilter['kinds']) {
  const decoded = decodeId(id);
  const platform = decoded?.kind === 'Platform' ? host.platform(decoded.platform) : null;
  if (platform === null) {
    throw new GraphQLError(`There is no platform with the id "${id.slice(0, 80)}".`, {
      extensions: { code: 'NOT_FOUND', http: { status: 404 } },
    });
  }
  const from = after == null ? platform.events.last : placeOf(platform, after);
  const wanted = filterOf(platform.name, filter);
  return new Follower(feedOf(platform, kinds === undefined ? wanted : { ...wanted, kinds }), from);
}

/** What happened is looked at together with the platform as it is now, but never in the midst of a command. */
const whole = (batch: Batch) => whenWhole(batch.platform, () => batch);

/**
 * Names the argument that only tells where a stream begins: answers do not depend on it, so that subscribers
 * who differ in nothing else share them. The server looks for it.
 */
const extensions = { startArgument: 'after' };

const PLATFORM = 'Id of the platform.';
const AFTER = 'Start with what follows this cursor; with what happens next when left out.';

builder.subscriptionFields((t) => ({
  events: t.field({
    type: EventBatch,
    extensions,
    description:
      'Everything that happens on a platform. Starts with what follows the cursor, or with what happens next.',
    args: {
      platform: t.arg.id({ required: true, description: PLATFORM }),
      filter: t.arg({ type: EventFilterInput, description: 'Which events.' }),
      after: t.arg({ type: 'Cursor', description: AFTER }),
    },
    subscribe: (_root, wanted, context) => open(context, wanted),
    resolve: whole,
  }),
  faults: t.field({
    type: FaultBatch,
    extensions,
    description: 'DMA and interrupt faults.',
    args: {
      platform: t.arg.id({ required: true, description: PLATFORM }),
      filter: t.arg({ type: FaultFilterInput, description: 'Which faults.' }),
      after: t.arg({ type: 'Cursor', description: AFTER }),
    },
    subscribe: (_root, wanted, context) => open(context, wanted, ['FAULT']),
    resolve: whole,
  }),
  invalidations: t.field({
    type: InvalidationBatch,
    extensions,
    description: 'Descriptors executed by the invalidation queues.',
    args: {
      platform: t.arg.id({ required: true, description: PLATFORM }),
      filter: t.arg({ type: InvalidationFilterInput, description: 'Which descriptors.' }),
      after: t.arg({ type: 'Cursor', description: AFTER }),
    },
    subscribe: (_root, wanted, context) => open(context, wanted, ['INVALIDATION']),
    resolve: whole,
  }),
}));
