import { randomUUID } from 'node:crypto';
import { builder } from '../builder.js';
import { numberKey, requireId } from '../ids.js';
import { type Asked, requestFields } from './asked.js';

export const CreateSoftwareMdevInput = builder.inputType('CreateSoftwareMdevInput', {
  description: 'What subdevice to create of a parent without hardware.',
  fields: (t) => ({
    parent: t.id({ required: true, description: 'Id of the software device.' }),
    type: t.string({ required: true, description: 'Type id, as SoftwareMdevType.name gives it.' }),
    uuid: t.field({ type: 'UUID', description: 'Generated when left out.' }),
    ...requestFields(t),
  }),
});

export const RemoveSoftwareMdevInput = builder.inputType('RemoveSoftwareMdevInput', {
  description: 'Which software subdevice to remove.',
  fields: (t) => ({
    subdevice: t.id({ required: true, description: 'Id of the software subdevice.' }),
    ...requestFields(t),
  }),
});

export const SetGroupTypeInput = builder.inputType('SetGroupTypeInput', {
  description: 'What to write to the type file of a group.',
  fields: (t) => ({
    group: t.id({ required: true, description: 'Id of the group.' }),
    type: t.string({ required: true, description: 'identity, DMA, DMA-FQ or auto.' }),
    ...requestFields(t),
  }),
});

export function askCreateSoftwareMdev(
  input: typeof CreateSoftwareMdevInput.$inferInput,
): Asked<'createSoftwareMdev'> {
  const id = requireId(input.parent, ['input', 'parent'], 'SoftwareDevice');
  // Generated here and logged with the command, so that a replay makes the same subdevice.
  const uuid = input.uuid ?? randomUUID();
  const command = { type: 'createSoftwareMdev', parent: id.key, mdevType: input.type, uuid } as const;
  return { platform: id.platform, command };
}

export function askRemoveSoftwareMdev(
  input: typeof RemoveSoftwareMdevInput.$inferInput,
): Asked<'removeSoftwareMdev'> {
  const id = requireId(input.subdevice, ['input', 'subdevice'], 'SoftwareSubdevice');
  return { platform: id.platform, command: { type: 'removeSoftwareMdev', subdevice: id.key } };
}

export function askSetGroupType(input: typeof SetGroupTypeInput.$inferInput): Asked<'setGroupType'> {
  const id = requireId(input.group, ['input', 'group'], 'Group');
  const group = numberKey(id, input.group);
  return { platform: id.platform, command: { type: 'setGroupType', group, word: input.type } };
}
