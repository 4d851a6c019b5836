import type { KernelDevice } from '../../kernel/device/kernel-device.js';
import type { Subdevice } from '../../kernel/mdev/subdevice.js';
import { builder } from '../builder.js';
import {
  BindDriverInput,
  CreateMdevInput,
  FeatureInput,
  RemoveMdevInput,
  UnbindDriverInput,
  askBindDriver,
  askCreateMdev,
  askDisableFeature,
  askEnableFeature,
  askRemoveMdev,
  askUnbindDriver,
} from '../commands/device.js';
import { SvaBindInput, SvaUnbindInput, askSvaBind, askSvaUnbind } from '../commands/sva.js';
import { encodeId } from '../ids.js';
import { DeviceRef, SubdeviceRef } from '../refs.js';
import { deviceView, subdeviceView } from '../views.js';
import { payloadType, perform, resultUnion } from './command.js';

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
const FeatureResult = resultUnion('FeatureResult', DevicePayload.ref, 'KERNEL');
const BindDriverResult = resultUnion('BindDriverResult', DevicePayload.ref, 'KERNEL');

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
const CreateMdevResult = resultUnion('CreateMdevResult', CreateMdevPayload.ref, 'KERNEL');

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
const RemoveMdevResult = resultUnion('RemoveMdevResult', RemoveMdevPayload.ref, 'KERNEL');

builder.mutationFields((t) => ({
  svaBind: t.field({
    type: FeatureResult,
    description:
      "Lets a device use the addresses of a process, under the process's PASID; binding again counts. Linux: iommu_sva_bind_device().",
    args: { input: t.arg({ type: SvaBindInput, required: true, description: 'Which device and process.' }) },
    resolve: (_root, { input }, context) => perform(context, 'DevicePayload', input, askSvaBind),
  }),
  svaUnbind: t.field({
    type: FeatureResult,
    description:
      'Counts one bond less; the last takes the PASID off the device, and with the last device the process is forgotten. Linux: iommu_sva_unbind_device().',
    args: {
      input: t.arg({ type: SvaUnbindInput, required: true, description: 'Which device and process.' }),
    },
    resolve: (_root, { input }, context) => perform(context, 'DevicePayload', input, askSvaUnbind),
  }),
  enableFeature: t.field({
    type: FeatureResult,
    description: 'Turns a feature of a device on. Linux: iommu_dev_enable_feature().',
    args: { input: t.arg({ type: FeatureInput, required: true, description: 'Which device and feature.' }) },
    resolve: (_root, { input }, context) => perform(context, 'DevicePayload', input, askEnableFeature),
  }),
  disableFeature: t.field({
    type: FeatureResult,
    description: 'Turns a feature of a device off. Linux: iommu_dev_disable_feature().',
    args: { input: t.arg({ type: FeatureInput, required: true, description: 'Which device and feature.' }) },
    resolve: (_root, { input }, context) => perform(context, 'DevicePayload', input, askDisableFeature),
  }),
  createMdev: t.field({
    type: CreateMdevResult,
    description:
      "Creates a subdevice, as a write to its type's `create` file does. Linux: mdev_device_create().",
    args: { input: t.arg({ type: CreateMdevInput, required: true, description: 'What to create.' }) },
    resolve: (_root, { input }, context) => perform(context, 'CreateMdevPayload', input, askCreateMdev),
  }),
  removeMdev: t.field({
    type: RemoveMdevResult,
    description: 'Removes a subdevice, as a write to its `remove` file does. Linux: mdev_device_remove().',
    args: { input: t.arg({ type: RemoveMdevInput, required: true, description: 'What to remove.' }) },
    resolve: (_root, { input }, context) => perform(context, 'RemoveMdevPayload', input, askRemoveMdev),
  }),
  bindDriver: t.field({
    type: BindDriverResult,
    description:
      'Binds a driver to a device, and gives it the interrupts it asks for. Linux: device_driver_attach().',
    args: { input: t.arg({ type: BindDriverInput, required: true, description: 'Which driver, to what.' }) },
    resolve: (_root, { input }, context) => perform(context, 'DevicePayload', input, askBindDriver),
  }),
  unbindDriver: t.field({
    type: BindDriverResult,
    description: 'Takes the driver off a device, and its interrupts. Linux: device_driver_detach().',
    args: { input: t.arg({ type: UnbindDriverInput, required: true, description: 'Which device.' }) },
    resolve: (_root, { input }, context) => perform(context, 'DevicePayload', input, askUnbindDriver),
  }),
}));
