import { type U64, u64FromPfn } from '../../bits/u64.js';
import type { DirtyRun } from '../../kernel/vfio/dirty-pages.js';
import type { VfioContainer } from '../../kernel/vfio/objects.js';
import type { OpenedDevice } from '../../platform/verbs/vfio.js';
import { builder } from '../builder.js';
import { requestArgs } from '../commands/asked.js';
import {
  ContainerGroupInput,
  OpenContainerInput,
  SetContainerIommuInput,
  VfioDeviceInput,
  VfioDirtyPagesInput,
  VfioMapDmaInput,
  VfioUnmapDmaInput,
  askAddGroup,
  askCloseContainer,
  askCloseVfioDevice,
  askOpenContainer,
  askOpenVfioDevice,
  askRemoveGroup,
  askSetContainerIommu,
  askVfioDirtyPages,
  askVfioMapDma,
  askVfioUnmapDma,
} from '../commands/vfio.js';
import { encodeId } from '../ids.js';
import { Endpoint } from '../interfaces.js';
import { VfioContainerRef } from '../refs.js';
import { containerView, endpointView } from '../views.js';
import { payloadType, perform, resultUnion } from './command.js';

const ContainerPayload = payloadType<'ContainerPayload', VfioContainer>(
  'ContainerPayload',
  'A VFIO container was opened or changed.',
);
ContainerPayload.implement((t) => ({
  container: t.field({
    type: VfioContainerRef,
    description: 'The container.',
    resolve: ({ platform, value }) => containerView(platform, value),
  }),
}));
const ContainerResult = resultUnion('ContainerResult', ContainerPayload.ref, 'KERNEL');

const CloseContainerPayload = payloadType<'CloseContainerPayload', number>(
  'CloseContainerPayload',
  'A VFIO container was closed.',
);
CloseContainerPayload.implement((t) => ({
  closedId: t.id({
    description: 'The id it had.',
    resolve: ({ platform, value }) => encodeId('VfioContainer', platform.name, value),
  }),
}));
const CloseContainerResult = resultUnion('CloseContainerResult', CloseContainerPayload.ref, 'KERNEL');

type Unmapped = { readonly container: VfioContainer; readonly unmapped: U64 };
const VfioUnmapPayload = payloadType<'VfioUnmapPayload', Unmapped>(
  'VfioUnmapPayload',
  'Mappings were removed, or there were none.',
);
VfioUnmapPayload.implement((t) => ({
  container: t.field({
    type: VfioContainerRef,
    description: 'The container.',
    resolve: ({ platform, value }) => containerView(platform, value.container),
  }),
  unmapped: t.field({
    type: 'ByteSize',
    description: 'The size field the ioctl writes back.',
    resolve: ({ value }) => value.unmapped,
  }),
}));
const VfioUnmapResult = resultUnion('VfioUnmapResult', VfioUnmapPayload.ref, 'KERNEL');

const VfioDirtyRange = builder.objectRef<DirtyRun>('VfioDirtyRange').implement({
  description: 'Pages that may have been written, next to each other.',
  fields: (t) => ({
    iova: t.field({
      type: 'Address',
      description: 'First I/O address.',
      resolve: ({ pfn }) => u64FromPfn(pfn),
    }),
    size: t.field({ type: 'ByteSize', description: 'Bytes.', resolve: ({ pages }) => u64FromPfn(pages) }),
  }),
});

const VfioDirtyPagesPayload = payloadType<
  'VfioDirtyPagesPayload',
  { readonly container: VfioContainer; readonly dirty: readonly DirtyRun[] }
>('VfioDirtyPagesPayload', 'The record of written pages was begun, ended or read.');
VfioDirtyPagesPayload.implement((t) => ({
  container: t.field({
    type: VfioContainerRef,
    description: 'The container.',
    resolve: ({ platform, value }) => containerView(platform, value.container),
  }),
  dirty: t.field({
    type: [VfioDirtyRange],
    description:
      'What GET_BITMAP found, in order: everything mapped while a device reaches it through an IOMMU, since nothing records what that writes.',
    resolve: ({ value }) => [...value.dirty],
  }),
}));
const VfioDirtyPagesResult = resultUnion('VfioDirtyPagesResult', VfioDirtyPagesPayload.ref, 'KERNEL');

const VfioDevicePayload = payloadType<'VfioDevicePayload', OpenedDevice>(
  'VfioDevicePayload',
  'A device of a VFIO group was opened or closed.',
);
VfioDevicePayload.implement((t) => ({
  device: t.field({
    type: Endpoint,
    description: 'The device.',
    resolve: ({ platform, value }) => endpointView(platform, value.device),
  }),
  container: t.field({
    type: VfioContainerRef,
    description: 'The container its group is in.',
    resolve: ({ platform, value }) => containerView(platform, value.container),
  }),
}));
const VfioDeviceResult = resultUnion('VfioDeviceResult', VfioDevicePayload.ref, 'KERNEL');

builder.mutationFields((t) => ({
  openContainer: t.field({
    type: ContainerResult,
    description: 'Opens a VFIO container for a process. Linux: open("/dev/vfio/vfio").',
    args: { input: t.arg({ type: OpenContainerInput, required: true, description: 'What to open.' }) },
    resolve: (_root, { input }, context) => perform(context, 'ContainerPayload', input, askOpenContainer),
  }),
  closeContainer: t.field({
    type: CloseContainerResult,
    description: 'Closes a container and everything in it, as when its process exits.',
    args: {
      id: t.arg.id({ required: true, description: 'Id of the container.' }),
      ...requestArgs(t.arg),
    },
    resolve: (_root, args, context) => perform(context, 'CloseContainerPayload', args, askCloseContainer),
  }),
  addGroupToContainer: t.field({
    type: ContainerResult,
    description: "Opens a group's file and puts the group into a container. Linux: VFIO_GROUP_SET_CONTAINER.",
    args: {
      input: t.arg({ type: ContainerGroupInput, required: true, description: 'What to add to what.' }),
    },
    resolve: (_root, { input }, context) => perform(context, 'ContainerPayload', input, askAddGroup),
  }),
  removeGroupFromContainer: t.field({
    type: ContainerResult,
    description:
      'Takes a group out of a container; with the last one go the IOMMU type and all mappings. Linux: VFIO_GROUP_UNSET_CONTAINER.',
    args: {
      input: t.arg({ type: ContainerGroupInput, required: true, description: 'What to remove from what.' }),
    },
    resolve: (_root, { input }, context) => perform(context, 'ContainerPayload', input, askRemoveGroup),
  }),
  setContainerIommu: t.field({
    type: ContainerResult,
    description: 'Chooses the backend of a container and attaches its groups. Linux: VFIO_SET_IOMMU.',
    args: { input: t.arg({ type: SetContainerIommuInput, required: true, description: 'Which backend.' }) },
    resolve: (_root, { input }, context) => perform(context, 'ContainerPayload', input, askSetContainerIommu),
  }),
  openVfioDevice: t.field({
    type: VfioDeviceResult,
    description:
      'Opens a device of a group in a container that has its backend. V5_10 and V5_15 look at the drivers of the whole group only here: EINVAL while one is not viable. Linux: VFIO_GROUP_GET_DEVICE_FD.',
    args: { input: t.arg({ type: VfioDeviceInput, required: true, description: 'Which device.' }) },
    resolve: (_root, { input }, context) => perform(context, 'VfioDevicePayload', input, askOpenVfioDevice),
  }),
  closeVfioDevice: t.field({
    type: VfioDeviceResult,
    description:
      'Closes one file of a device; EBADF when none is open. Until the last is closed neither its group leaves the container nor its driver the device. Linux: close().',
    args: { input: t.arg({ type: VfioDeviceInput, required: true, description: 'Which device.' }) },
    resolve: (_root, { input }, context) => perform(context, 'VfioDevicePayload', input, askCloseVfioDevice),
  }),
  vfioMapDma: t.field({
    type: ContainerResult,
    description: 'Lets the devices of a container reach memory of its process. Linux: VFIO_IOMMU_MAP_DMA.',
    args: { input: t.arg({ type: VfioMapDmaInput, required: true, description: 'What to map.' }) },
    resolve: (_root, { input }, context) => perform(context, 'ContainerPayload', input, askVfioMapDma),
  }),
  vfioUnmapDma: t.field({
    type: VfioUnmapResult,
    description: 'Removes mappings; that there are none is no error. Linux: VFIO_IOMMU_UNMAP_DMA.',
    args: { input: t.arg({ type: VfioUnmapDmaInput, required: true, description: 'What to unmap.' }) },
    resolve: (_root, { input }, context) => perform(context, 'VfioUnmapPayload', input, askVfioUnmapDma),
  }),
  vfioDirtyPages: t.field({
    type: VfioDirtyPagesResult,
    description:
      'Records which pages may have been written, for moving a machine. Linux: VFIO_IOMMU_DIRTY_PAGES.',
    args: { input: t.arg({ type: VfioDirtyPagesInput, required: true, description: 'What to do.' }) },
    resolve: (_root, { input }, context) =>
      perform(context, 'VfioDirtyPagesPayload', input, askVfioDirtyPages),
  }),
}));
