import { randomUUID } from 'node:crypto';
import { InvalidInputError } from '../../platform/errors.js';
import { builder } from '../builder.js';
import { DeviceFeatureEnum, SubdeviceFrameworkEnum } from '../enums.js';
import { requireId, requireKnownKind } from '../ids.js';
import { type Asked, requestFields } from './asked.js';

/** Entries the longest MSI-X table has. Spec: PCI Local Bus 6.8.2. */
const MAX_VECTORS = 2048;

export const FeatureInput = builder.inputType('FeatureInput', {
  description: 'A feature of a device.',
  fields: (t) => ({
    device: t.id({ required: true, description: 'Id of the device.' }),
    feature: t.field({ type: DeviceFeatureEnum, required: true, description: 'Which feature.' }),
    ...requestFields(t),
  }),
});

export const CreateMdevInput = builder.inputType('CreateMdevInput', {
  description: 'What subdevice to create, and where.',
  fields: (t) => ({
    parent: t.id({ required: true, description: 'Id of the parent device.' }),
    type: t.string({ required: true, description: 'Type id, as MdevType.name gives it.' }),
    uuid: t.field({ type: 'UUID', description: 'Generated when left out.' }),
    framework: t.field({
      type: SubdeviceFrameworkEnum,
      defaultValue: 'mdev',
      description: 'Whose bus it is put on.',
    }),
    ...requestFields(t),
  }),
});

export const RemoveMdevInput = builder.inputType('RemoveMdevInput', {
  description: 'Which subdevice to remove.',
  fields: (t) => ({
    subdevice: t.id({ required: true, description: 'Id of the subdevice.' }),
    ...requestFields(t),
  }),
});

export const BindDriverInput = builder.inputType('BindDriverInput', {
  description: 'A driver for a device.',
  fields: (t) => ({
    device: t.id({ required: true, description: 'Id of the device.' }),
    driver: t.string({ required: true, description: 'Name of the driver, such as vfio-pci.' }),
    vectors: t.int({
      defaultValue: 0,
      description:
        'Message-signalled interrupts the driver asks for while it takes the device, 0 to 2048: by MSI-X where its table is long enough, else by MSI. Drivers that hold a device for user space ask for none.',
    }),
    ...requestFields(t),
  }),
});

export const UnbindDriverInput = builder.inputType('UnbindDriverInput', {
  description: 'A device that is to lose its driver.',
  fields: (t) => ({
    device: t.id({ required: true, description: 'Id of the device.' }),
    ...requestFields(t),
  }),
});

type Feature = typeof FeatureInput.$inferInput;

export function askEnableFeature({ device, feature }: Feature): Asked<'enableFeature'> {
  const id = requireId(device, ['input', 'device'], 'Device');
  return { platform: id.platform, command: { type: 'enableFeature', device: id.key, feature } };
}

export function askDisableFeature({ device, feature }: Feature): Asked<'disableFeature'> {
  const id = requireId(device, ['input', 'device'], 'Device');
  return { platform: id.platform, command: { type: 'disableFeature', device: id.key, feature } };
}

export function askCreateMdev(input: typeof CreateMdevInput.$inferInput): Asked<'createMdev'> {
  const id = requireId(input.parent, ['input', 'parent'], 'Device');
  // Generated here and logged with the command, so that a replay makes the same subdevice.
  const uuid = input.uuid ?? randomUUID();
  const command = {
    type: 'createMdev',
    parent: id.key,
    mdevType: input.type,
    uuid,
    ...(input.framework === 'subdev-test' ? { framework: input.framework } : {}),
  } as const;
  return { platform: id.platform, command };
}

export function askRemoveMdev(input: typeof RemoveMdevInput.$inferInput): Asked<'removeMdev'> {
  const id = requireKnownKind(input.subdevice, 'Subdevice');
  return { platform: id.platform, command: { type: 'removeMdev', subdevice: id.key } };
}

export function askBindDriver(input: typeof BindDriverInput.$inferInput): Asked<'bindDriver'> {
  const id = requireId(input.device, ['input', 'device'], 'Device');
  const vectors = input.vectors ?? 0;
  if (vectors < 0 || vectors > MAX_VECTORS)
    throw new InvalidInputError(['input', 'vectors'], `Give 0 to ${MAX_VECTORS} vectors, not ${vectors}.`);
  const command = { type: 'bindDriver', device: id.key, driver: input.driver } as const;
  return { platform: id.platform, command: vectors === 0 ? command : { ...command, vectors } };
}

export function askUnbindDriver(input: typeof UnbindDriverInput.$inferInput): Asked<'unbindDriver'> {
  const id = requireId(input.device, ['input', 'device'], 'Device');
  return { platform: id.platform, command: { type: 'unbindDriver', device: id.key } };
}
