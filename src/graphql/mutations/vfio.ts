import type { U64 } from '../../bits/u64.js';
import type { VfioContainer } from '../../kernel/vfio/objects.js';
import { builder } from '../builder.js';
import { requestArgs } from '../commands/asked.js';
import {
  ContainerGroupInput,
  OpenContainerInput,
  SetContainerIommuInput,
  VfioMapDmaInput,
  VfioUnmapDmaInput,
  askAddGroup,
  askCloseContainer,
  askOpenContainer,
  askRemoveGroup,
  askSetContainerIommu,
  askVfioMapDma,
  askVfioUnmapDma,
} from '../commands/vfio.js';
import { encodeId } from '../ids.js';
import { VfioContainerRef } from '../refs.js';
import { containerView } from '../views.js';
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
}));
