import { u64ToNumber } from '../../bits/u64.js';
import { InvalidInputError } from '../../platform/errors.js';
import { builder } from '../builder.js';
import { DmaDirectionEnum } from '../enums.js';
import { requireId } from '../ids.js';
import { type Asked, requestFields } from './asked.js';

/** Most bytes one mapping of a driver takes. */
const MOST_BYTES = 2 ** 30;

export const DmaMapInput = builder.inputType('DmaMapInput', {
  description: 'Memory a host driver lets its device reach.',
  fields: (t) => ({
    device: t.id({ required: true, description: 'Id of the device.' }),
    physical: t.field({ type: 'Address', required: true, description: 'First host physical address.' }),
    size: t.field({ type: 'ByteSize', required: true, description: 'Bytes, 1 to 1G.' }),
    direction: t.field({ type: DmaDirectionEnum, required: true, description: 'Who moves data where.' }),
    ...requestFields(t),
  }),
});

export const DmaUnmapInput = builder.inputType('DmaUnmapInput', {
  description: 'A mapping a host driver is done with.',
  fields: (t) => ({
    device: t.id({ required: true, description: 'Id of the device.' }),
    address: t.field({ type: 'Address', required: true, description: 'The I/O address dmaMap gave.' }),
    ...requestFields(t),
  }),
});

export function askDmaMap(input: typeof DmaMapInput.$inferInput): Asked<'dmaMap'> {
  const id = requireId(input.device, ['input', 'device'], 'Device');
  const size = u64ToNumber(input.size);
  if (size < 1 || size > MOST_BYTES)
    throw new InvalidInputError(['input', 'size'], 'A driver maps 1 byte to 1G at a time.');
  const { physical, direction } = input;
  return { platform: id.platform, command: { type: 'dmaMap', device: id.key, physical, size, direction } };
}

export function askDmaUnmap(input: typeof DmaUnmapInput.$inferInput): Asked<'dmaUnmap'> {
  const id = requireId(input.device, ['input', 'device'], 'Device');
  return { platform: id.platform, command: { type: 'dmaUnmap', device: id.key, address: input.address } };
}
