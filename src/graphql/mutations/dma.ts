import type { U64 } from '../../bits/u64.js';
import type { FaultOccurred } from '../../hardware/events.js';
import type { DmaOutcome } from '../../platform/dma.js';
import { builder } from '../builder.js';
import { DmaInput, askDma } from '../commands/dma.js';
import { DmaOutcomeEnum } from '../enums.js';
import { FaultEventRef } from '../refs.js';
import { type EventView, eventView } from '../views.js';
import { payloadType, perform, resultUnion } from './command.js';

const DmaSegment = builder
  .objectRef<{
    readonly address: U64;
    readonly physical: number;
    readonly size: number;
    readonly cached: boolean;
  }>('DmaSegment')
  .implement({
    description: 'A part of a request that went to one page.',
    fields: (t) => ({
      address: t.field({
        type: 'Address',
        description: 'First I/O address.',
        resolve: ({ address }) => address,
      }),
      physical: t.field({
        type: 'Address',
        description: 'Where it went.',
        resolve: ({ physical }) => physical,
      }),
      size: t.field({ type: 'ByteSize', description: 'Bytes.', resolve: ({ size }) => size }),
      cached: t.exposeBoolean('cached', { description: 'Answered from a cache.' }),
    }),
  });

const DmaPayload = payloadType<'DmaPayload', DmaOutcome>('DmaPayload', 'A request was put on the bus.');
DmaPayload.implement((t) => ({
  outcome: t.field({
    type: DmaOutcomeEnum,
    description: 'How it ended.',
    resolve: ({ value }) => (value.completed ? 'COMPLETED' : 'FAULTED'),
  }),
  segments: t.field({
    type: [DmaSegment],
    description: 'Where the bytes went, in order; empty on a fault at the first byte.',
    resolve: ({ value }) => [...value.segments],
  }),
  fault: t.field({
    type: FaultEventRef,
    nullable: true,
    description: 'Why it was refused; null when it completed.',
    resolve: ({ platform, firstSequence, lastSequence }): EventView | null => {
      for (let at = lastSequence; at >= firstSequence; at--) {
        const stamped = platform.events.at(at);
        if (stamped?.event.type === 'FAULT')
          return eventView(platform, stamped as typeof stamped & { event: FaultOccurred });
      }
      return null;
    },
  }),
  data: t.field({
    type: 'Base64',
    nullable: true,
    description: 'Bytes read, for a READ that completed; null otherwise.',
    resolve: ({ value }) => value.data,
  }),
}));
const DmaResult = resultUnion('DmaResult', DmaPayload.ref, 'NO_KERNEL');

builder.mutationField('dma', (t) =>
  t.field({
    type: DmaResult,
    description: 'Lets an endpoint issue one DMA request.',
    args: { input: t.arg({ type: DmaInput, required: true, description: 'The request.' }) },
    resolve: (_root, { input }, context) => perform(context, 'DmaPayload', input, askDma),
  }),
);
