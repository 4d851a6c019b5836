import type { U64 } from '../../bits/u64.js';
import { u64ToNumber } from '../../bits/u64.js';
import type { FaultOccurred } from '../../hardware/events.js';
import type { DmaOutcome } from '../../platform/dma.js';
import { InvalidInputError } from '../../platform/errors.js';
import { builder } from '../builder.js';
import { DmaAccessEnum, DmaOutcomeEnum, DmaTranslationEnum } from '../enums.js';
import { requireId } from '../ids.js';
import { FaultEventRef } from '../refs.js';
import { refusalsAsValues } from '../types/errors.js';
import { type EventView, eventView } from '../views.js';
import { payloadType, performCommand, resultUnion } from './command.js';
import { pasidChoice } from './hardware.js';

/** Largest request the API lets an endpoint issue. */
const MAX_DMA_BYTES = 16 * 1024 * 1024;

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
const DmaResult = resultUnion('DmaResult', DmaPayload.ref, ['InvalidInputError', 'NotFoundError']);

const DmaInput = builder.inputType('DmaInput', {
  description: 'One request of an endpoint.',
  fields: (t) => ({
    endpoint: t.id({ required: true, description: 'Id of a device or subdevice.' }),
    pasid: t.int({
      description: 'Overrides the tag the endpoint would use; -1 sends the request without one.',
    }),
    address: t.field({ type: 'Address', required: true, description: 'First I/O address.' }),
    size: t.field({
      type: 'ByteSize',
      defaultValue: { hi: 0, lo: 8 },
      description: 'Bytes, 1 to 16 MiB.',
    }),
    access: t.field({ type: DmaAccessEnum, defaultValue: 'READ', description: 'What it wants to do.' }),
    data: t.field({
      type: 'Base64',
      description: 'Bytes to write; zeros when left out, and after its end up to size.',
    }),
    translation: t.field({
      type: DmaTranslationEnum,
      defaultValue: 'UNTRANSLATED',
      description: 'The AT field of the request.',
    }),
  }),
});

builder.mutationField('dma', (t) =>
  t.field({
    type: DmaResult,
    description: 'Lets an endpoint issue one DMA request.',
    args: { input: t.arg({ type: DmaInput, required: true, description: 'The request.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const id = requireId(input.endpoint, ['input', 'endpoint'], 'Device', 'Subdevice');
        const size = u64ToNumber(input.size ?? { hi: 0, lo: 8 });
        if (size < 1 || size > MAX_DMA_BYTES) {
          throw new InvalidInputError(
            ['input', 'size'],
            `A request moves 1 to ${MAX_DMA_BYTES} bytes, not ${size}.`,
          );
        }
        const data = input.data ?? null;
        if (data !== null && input.access !== 'WRITE') {
          throw new InvalidInputError(['input', 'data'], 'Only a WRITE carries data.');
        }
        if (data !== null && data.length > size) {
          throw new InvalidInputError(
            ['input', 'data'],
            `data has ${data.length} bytes, more than size, ${size}.`,
          );
        }
        return performCommand(context, id.platform, 'DmaPayload', {
          type: 'dma',
          endpoint: { kind: id.kind as 'Device' | 'Subdevice', name: id.key },
          pasid: pasidChoice(input.pasid),
          address: input.address,
          size,
          access: input.access ?? 'READ',
          data,
          translation: input.translation ?? 'UNTRANSLATED',
        });
      }),
  }),
);
