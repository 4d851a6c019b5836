import type { IommuGroup } from '../../kernel/iommu/iommu-group.js';
import type { SoftwareSubdevice } from '../../kernel/mdev/subdevice.js';
import { builder } from '../builder.js';
import {
  CreateSoftwareMdevInput,
  RemoveSoftwareMdevInput,
  SetGroupTypeInput,
  askCreateSoftwareMdev,
  askRemoveSoftwareMdev,
  askSetGroupType,
} from '../commands/software-device.js';
import { encodeId } from '../ids.js';
import { GroupRef, SoftwareSubdeviceRef } from '../refs.js';
import { groupView, softwareSubdeviceView } from '../views.js';
import { payloadType, perform, resultUnion } from './command.js';

const CreatePayload = payloadType<'CreateSoftwareMdevPayload', SoftwareSubdevice>(
  'CreateSoftwareMdevPayload',
  'A software subdevice was created.',
);
CreatePayload.implement((t) => ({
  subdevice: t.field({
    type: SoftwareSubdeviceRef,
    description: 'The new subdevice.',
    resolve: ({ platform, value }) => softwareSubdeviceView(platform, value),
  }),
}));
const CreateResult = resultUnion('CreateSoftwareMdevResult', CreatePayload.ref, 'KERNEL');

const RemovePayload = payloadType<'RemoveSoftwareMdevPayload', string>(
  'RemoveSoftwareMdevPayload',
  'A software subdevice was removed.',
);
RemovePayload.implement((t) => ({
  removedId: t.id({
    description: 'The id it had.',
    resolve: ({ platform, value }) => encodeId('SoftwareSubdevice', platform.name, value),
  }),
}));
const RemoveResult = resultUnion('RemoveSoftwareMdevResult', RemovePayload.ref, 'KERNEL');

const GroupPayload = payloadType<'GroupPayload', IommuGroup>(
  'GroupPayload',
  'A change of a group took effect.',
);
GroupPayload.implement((t) => ({
  group: t.field({
    type: GroupRef,
    description: 'The group.',
    resolve: ({ platform, value }) => groupView(platform, value),
  }),
}));
const GroupResult = resultUnion('GroupResult', GroupPayload.ref, 'KERNEL');

builder.mutationFields((t) => ({
  createSoftwareMdev: t.field({
    type: CreateResult,
    description: 'Creates a subdevice of a parent without hardware. Linux: mdev_device_create().',
    args: {
      input: t.arg({ type: CreateSoftwareMdevInput, required: true, description: 'What to create.' }),
    },
    resolve: (_root, { input }, context) =>
      perform(context, 'CreateSoftwareMdevPayload', input, askCreateSoftwareMdev),
  }),
  removeSoftwareMdev: t.field({
    type: RemoveResult,
    description: 'Removes such a subdevice. Linux: mdev_device_remove().',
    args: {
      input: t.arg({ type: RemoveSoftwareMdevInput, required: true, description: 'What to remove.' }),
    },
    resolve: (_root, { input }, context) =>
      perform(context, 'RemoveSoftwareMdevPayload', input, askRemoveSoftwareMdev),
  }),
  setGroupType: t.field({
    type: GroupResult,
    description:
      'Writes the type of a group, which gives it another default domain. Linux: iommu_group_store_type().',
    args: { input: t.arg({ type: SetGroupTypeInput, required: true, description: 'Which, and what.' }) },
    resolve: (_root, { input }, context) => perform(context, 'GroupPayload', input, askSetGroupType),
  }),
}));
