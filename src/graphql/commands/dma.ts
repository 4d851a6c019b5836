import { u64ToNumber } from '../../bits/u64.js';
import { InvalidInputError } from '../../platform/errors.js';
import { builder } from '../builder.js';
import { DmaAccessEnum, DmaTranslationEnum } from '../enums.js';
import { requireId } from '../ids.js';
import { type Asked, requestFields } from './asked.js';
import { pasidChoice } from './hardware.js';
import { requesterChoice, requesterField } from './requester.js';

/** Largest request the API lets an endpoint issue. */
const MAX_DMA_BYTES = 16 * 1024 * 1024;

export const DmaInput = builder.inputType('DmaInput', {
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
    requester: requesterField(t),
    ...requestFields(t),
  }),
});

export function askDma(input: typeof DmaInput.$inferInput): Asked<'dma'> {
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
    throw new InvalidInputError(['input', 'data'], `data has ${data.length} bytes, more than size, ${size}.`);
  }
  return {
    platform: id.platform,
    command: {
      type: 'dma',
      endpoint: { kind: id.kind as 'Device' | 'Subdevice', name: id.key },
      pasid: pasidChoice(input.pasid),
      address: input.address,
      size,
      access: input.access ?? 'READ',
      data,
      translation: input.translation ?? 'UNTRANSLATED',
      ...requesterChoice(input.requester),
    },
  };
}
