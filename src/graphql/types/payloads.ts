import type { Platform } from '../../platform/platform.js';
import { builder } from '../builder.js';
import { Event } from '../interfaces.js';
import { PlatformRef } from '../refs.js';
import { type EventView, eventView, platformView } from '../views.js';

/** What every payload is resolved from; `__typename` decides the member of a union. */
export interface PayloadShape<Name extends string = string, V = unknown> {
  readonly __typename: Name;
  readonly platform: Platform;
  readonly revision: number;
  /** Numbers of the events the command caused; none when `last` is below `first`. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly value: V;
}

export const CommandPayload = builder.interfaceRef<PayloadShape>('CommandPayload').implement({
  description: 'Every success says what it did.',
  fields: (t) => ({
    platform: t.field({
      type: PlatformRef,
      description: 'The platform, as it is now.',
      resolve: ({ platform }) => platformView(platform, platform),
    }),
    revision: t.field({
      type: 'SequenceNumber',
      description: "The command's place in the platform's log.",
      resolve: ({ revision }) => revision,
    }),
    events: t.field({
      type: [Event],
      description: 'What it caused, in order.',
      resolve: ({ platform, firstSequence, lastSequence }): EventView[] => {
        const events: EventView[] = [];
        for (let at = firstSequence; at <= lastSequence; at++) {
          const stamped = platform.events.at(at);
          if (stamped !== undefined) events.push(eventView(platform, stamped));
        }
        return events;
      },
    }),
  }),
});
