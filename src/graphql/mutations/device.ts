import { randomUUID } from 'node:crypto';
import type { KernelDevice } from '../../kernel/objects.js';
import type { Subdevice } from '../../kernel/objects.js';
import { builder } from '../builder.js';
import { DeviceFeatureEnum } from '../enums.js';
import { encodeId, requireId, requireKnownKind } from '../ids.js';
import { DeviceRef, SubdeviceRef } from '../refs.js';
import { refusalsAsValues } from '../types/errors.js';
import { deviceView, subdeviceView } from '../views.js';
import { payloadType, performCommand, resultUnion } from './command.js';

const DevicePayload = payloadType<'DevicePayload', KernelDevice>(
  'DevicePayload',
  'A change of a device took effect.',
);
DevicePayload.implement((t) => ({
  device: t.field({
    type: DeviceRef,
    description: 'The device.',
    resolve: ({ platform, value }) => deviceView(platform, value),
  }),
}));
const FeatureResult = resultUnion('FeatureResult', DevicePayload.ref, [
  'KernelError',
  'InvalidInputError',
  'NotFoundError',
]);
const BindDriverResult = resultUnion('BindDriverResult', DevicePayload.ref, [
  'KernelError',
  'InvalidInputError',
  'NotFoundError',
]);

const CreateMdevPayload = payloadType<'CreateMdevPayload', Subdevice>(
  'CreateMdevPayload',
  'A subdevice was created.',
);
CreateMdevPayload.implement((t) => ({
  subdevice: t.field({
    type: SubdeviceRef,
    description: 'The new subdevice.',
    resolve: ({ platform, value }) => subdeviceView(platform, value),
  }),
}));
const CreateMdevResult = resultUnion('CreateMdevResult', CreateMdevPayload.ref, [
  'KernelError',
  'InvalidInputError',
  'NotFoundError',
]);

const RemoveMdevPayload = payloadType<'RemoveMdevPayload', string>(
  'RemoveMdevPayload',
  'A subdevice was removed.',
);
RemoveMdevPayload.implement((t) => ({
  removedId: t.id({
    description: 'The id it had.',
    resolve: ({ platform, value }) => encodeId('Subdevice', platform.name, value),
  }),
}));
const RemoveMdevResult = resultUnion('RemoveMdevResult', RemoveMdevPayload.ref, [
  'KernelError',
  'NotFoundError',
]);

const FeatureInput = builder.inputType('FeatureInput', {
  description: 'A feature of a device.',
  fields: (t) => ({
    device: t.id({ required: true, description: 'Id of the device.' }),
    feature: t.field({ type: DeviceFeatureEnum, required: true, description: 'Which feature.' }),
  }),
});

const CreateMdevInput = builder.inputType('CreateMdevInput', {
  description: 'What subdevice to create, and where.',
  fields: (t) => ({
    parent: t.id({ required: true, description: 'Id of the parent device.' }),
    type: t.string({ required: true, description: 'Type id, as MdevType.name gives it.' }),
    uuid: t.field({ type: 'UUID', description: 'Generated when left out.' }),
  }),
});

const RemoveMdevInput = builder.inputType('RemoveMdevInput', {
  description: 'Which subdevice to remove.',
  fields: (t) => ({ subdevice: t.id({ required: true, description: 'Id of the subdevice.' }) }),
});

const BindDriverInput = builder.inputType('BindDriverInput', {
  description: 'A driver for a device.',
  fields: (t) => ({
    device: t.id({ required: true, description: 'Id of the device.' }),
    driver: t.string({ required: true, description: 'Name of the driver, such as vfio-pci.' }),
  }),
});

const UnbindDriverInput = builder.inputType('UnbindDriverInput', {
  description: 'A device that is to lose its driver.',
  fields: (t) => ({ device: t.id({ required: true, description: 'Id of the device.' }) }),
});

for (const type of ['enableFeature', 'disableFeature'] as const) {
  builder.mutationField(type, (t) =>
    t.field({
      type: FeatureResult,
      description:
        type === 'enableFeature'
          ? 'Turns a feature of a device on. Linux: iommu_dev_enable_feature().'
          : 'Turns a feature of a device off. Linux: iommu_dev_disable_feature().',
      args: {
        input: t.arg({ type: FeatureInput, required: true, description: 'Which device and feature.' }),
      },
      resolve: (_root, { input }, context) =>
        refusalsAsValues(() => {
          const id = requireId(input.device, ['input', 'device'], 'Device');
          return performCommand(context, id.platform, 'DevicePayload', {
            type,
            device: id.key,
            feature: input.feature,
          });
        }),
    }),
  );
}

builder.mutationFields((t) => ({
  createMdev: t.field({
    type: CreateMdevResult,
    description:
      "Creates a subdevice, as a write to its type's `create` file does. Linux: mdev_device_create().",
    args: { input: t.arg({ type: CreateMdevInput, required: true, description: 'What to create.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const id = requireId(input.parent, ['input', 'parent'], 'Device');
        const uuid = input.uuid ?? randomUUID();
        return performCommand(context, id.platform, 'CreateMdevPayload', {
          type: 'createMdev',
          parent: id.key,
          mdevType: input.type,
          uuid,
        });
      }),
  }),
  removeMdev: t.field({
    type: RemoveMdevResult,
    description: 'Removes a subdevice, as a write to its `remove` file does. Linux: mdev_device_remove().',
    args: { input: t.arg({ type: RemoveMdevInput, required: true, description: 'What to remove.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const id = requireKnownKind(input.subdevice, 'Subdevice');
        return performCommand(context, id.platform, 'RemoveMdevPayload', {
          type: 'removeMdev',
          subdevice: id.key,
        });
      }),
  }),
  bindDriver: t.field({
    type: BindDriverResult,
    description: 'Binds a driver to a device. Linux: device_driver_attach().',
    args: { input: t.arg({ type: BindDriverInput, required: true, description: 'Which driver, to what.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const id = requireId(input.device, ['input', 'device'], 'Device');
        return performCommand(context, id.platform, 'DevicePayload', {
          type: 'bindDriver',
          device: id.key,
          driver: input.driver,
        });
      }),
  }),
  unbindDriver: t.field({
    type: BindDriverResult,
    description: 'Takes the driver off a device. Linux: device_driver_detach().',
    args: { input: t.arg({ type: UnbindDriverInput, required: true, description: 'Which device.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const id = requireId(input.device, ['input', 'device'], 'Device');
        return performCommand(context, id.platform, 'DevicePayload', {
          type: 'unbindDriver',
          device: id.key,
        });
      }),
  }),
}));
