import type { U64 } from '../../bits/u64.js';
import { u64ToNumber } from '../../bits/u64.js';
import { VFIO_IOMMU, type VfioContainer } from '../../kernel/vfio/objects.js';
import type { UserMemoryRange } from '../../platform/command.js';
import { InvalidInputError } from '../../platform/errors.js';
import { builder } from '../builder.js';
import { DmaAccessEnum, VfioIommuTypeEnum } from '../enums.js';
import { encodeId, numberKey, requireId, requireKnownKind } from '../ids.js';
import { VfioContainerRef } from '../refs.js';
import { refusalsAsValues } from '../types/errors.js';
import { containerView } from '../views.js';
import { payloadType, performCommand, resultUnion } from './command.js';

const REFUSALS = ['KernelError', 'InvalidInputError', 'NotFoundError'] as const;

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
const ContainerResult = resultUnion('ContainerResult', ContainerPayload.ref, REFUSALS);

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
const CloseContainerResult = resultUnion('CloseContainerResult', CloseContainerPayload.ref, [
  'KernelError',
  'NotFoundError',
]);

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
const VfioUnmapResult = resultUnion('VfioUnmapResult', VfioUnmapPayload.ref, REFUSALS);

const UserMemoryInput = builder.inputType('UserMemoryInput', {
  description:
    "A range of a user process's virtual memory; pinning outside every range, or writing to one without WRITE, is EFAULT.",
  fields: (t) => ({
    start: t.field({ type: 'Address', required: true, description: 'First address; at a page of pageSize.' }),
    size: t.field({ type: 'ByteSize', required: true, description: 'Bytes; a multiple of pageSize.' }),
    access: t.field({
      type: [DmaAccessEnum],
      required: true,
      description: 'What the process itself may do; READ and WRITE only.',
    }),
    pageSize: t.field({
      type: 'ByteSize',
      defaultValue: { hi: 0, lo: 4096 },
      description: 'Size of the pages behind it: 4K, 2M or 1G.',
    }),
  }),
});

const OpenContainerInput = builder.inputType('OpenContainerInput', {
  description: 'Where to open a container, and for what process.',
  fields: (t) => ({
    platform: t.id({ required: true, description: 'Id of the platform.' }),
    userMemory: t.field({
      type: [UserMemoryInput],
      description:
        'What the owning process has mapped; everything below 2^47 readable and writable when left out.',
    }),
  }),
});

const ContainerGroupInput = builder.inputType('ContainerGroupInput', {
  description: 'A container and a group.',
  fields: (t) => ({
    container: t.id({ required: true, description: 'Id of the container.' }),
    group: t.id({ required: true, description: 'Id of the group.' }),
  }),
});

const SetContainerIommuInput = builder.inputType('SetContainerIommuInput', {
  description: 'Which backend a container is to have.',
  fields: (t) => ({
    container: t.id({ required: true, description: 'Id of the container.' }),
    type: t.field({ type: VfioIommuTypeEnum, required: true, description: 'The backend.' }),
  }),
});

const VfioMapDmaInput = builder.inputType('VfioMapDmaInput', {
  description: 'Memory of the process that devices are to reach.',
  fields: (t) => ({
    container: t.id({ required: true, description: 'Id of the container.' }),
    iova: t.field({ type: 'Address', required: true, description: 'First I/O address.' }),
    vaddr: t.field({ type: 'Address', required: true, description: 'First address in the process.' }),
    size: t.field({ type: 'ByteSize', required: true, description: 'Bytes; a multiple of 4096.' }),
    access: t.field({
      type: [DmaAccessEnum],
      required: true,
      description: 'What devices may do; READ and WRITE only.',
    }),
  }),
});

const VfioUnmapDmaInput = builder.inputType('VfioUnmapDmaInput', {
  description: 'A range whose mappings are to go.',
  fields: (t) => ({
    container: t.id({ required: true, description: 'Id of the container.' }),
    iova: t.field({ type: 'Address', required: true, description: 'First I/O address.' }),
    size: t.field({ type: 'ByteSize', required: true, description: 'Bytes; a multiple of 4096.' }),
    all: t.boolean({
      defaultValue: false,
      description: 'VFIO_DMA_UNMAP_FLAG_ALL; iova and size must be 0.',
    }),
  }),
});

function containerOf(container: string): { readonly platform: string; readonly container: number } {
  const id = requireId(container, ['input', 'container'], 'VfioContainer');
  return { platform: id.platform, container: numberKey(id, container) };
}

/** A container and a group of the same platform. */
function containerAndGroup(input: { readonly container: string; readonly group: string }) {
  const found = containerOf(input.container);
  const id = requireId(input.group, ['input', 'group'], 'Group');
  if (id.platform !== found.platform) {
    throw new InvalidInputError(
      ['input', 'group'],
      `"${input.group}" is not on platform "${found.platform}", where the container is.`,
    );
  }
  return { ...found, group: numberKey(id, input.group) };
}

/** READ and WRITE as two answers; EXECUTE is not VFIO's to give. */
function readWrite(access: readonly string[], path: readonly string[]) {
  if (access.includes('EXECUTE')) {
    throw new InvalidInputError(path, 'VFIO knows READ and WRITE; there is no execute permission to give.');
  }
  return { read: access.includes('READ'), write: access.includes('WRITE') };
}

type UserMemory = typeof UserMemoryInput.$inferInput;

function userRange({ start, size, access, pageSize }: UserMemory): UserMemoryRange {
  return {
    start,
    size,
    ...readWrite(access, ['input', 'userMemory', 'access']),
    pageSize: pageSize == null ? 4096 : u64ToNumber(pageSize),
  };
}

builder.mutationFields((t) => ({
  openContainer: t.field({
    type: ContainerResult,
    description: 'Opens a VFIO container for a process. Linux: open("/dev/vfio/vfio").',
    args: { input: t.arg({ type: OpenContainerInput, required: true, description: 'What to open.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const id = requireId(input.platform, ['input', 'platform'], 'Platform');
        return performCommand(context, id.platform, 'ContainerPayload', {
          type: 'openContainer',
          userMemory: input.userMemory == null ? null : input.userMemory.map(userRange),
        });
      }),
  }),
  closeContainer: t.field({
    type: CloseContainerResult,
    description: 'Closes a container and everything in it, as when its process exits.',
    args: { id: t.arg.id({ required: true, description: 'Id of the container.' }) },
    resolve: (_root, args, context) =>
      refusalsAsValues(() => {
        const id = requireKnownKind(args.id, 'VfioContainer');
        return performCommand(context, id.platform, 'CloseContainerPayload', {
          type: 'closeContainer',
          container: numberKey(id, args.id),
        });
      }),
  }),
  addGroupToContainer: t.field({
    type: ContainerResult,
    description: "Opens a group's file and puts the group into a container. Linux: VFIO_GROUP_SET_CONTAINER.",
    args: {
      input: t.arg({ type: ContainerGroupInput, required: true, description: 'What to add to what.' }),
    },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const { platform, container, group } = containerAndGroup(input);
        const command = { type: 'addGroupToContainer', container, group } as const;
        return performCommand(context, platform, 'ContainerPayload', command);
      }),
  }),
  removeGroupFromContainer: t.field({
    type: ContainerResult,
    description:
      'Takes a group out of a container; with the last one go the IOMMU type and all mappings. Linux: VFIO_GROUP_UNSET_CONTAINER.',
    args: {
      input: t.arg({ type: ContainerGroupInput, required: true, description: 'What to remove from what.' }),
    },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const { platform, container, group } = containerAndGroup(input);
        const command = { type: 'removeGroupFromContainer', container, group } as const;
        return performCommand(context, platform, 'ContainerPayload', command);
      }),
  }),
  setContainerIommu: t.field({
    type: ContainerResult,
    description: 'Chooses the backend of a container and attaches its groups. Linux: VFIO_SET_IOMMU.',
    args: { input: t.arg({ type: SetContainerIommuInput, required: true, description: 'Which backend.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const { platform, container } = containerOf(input.container);
        const iommuType = VFIO_IOMMU[input.type];
        const command = { type: 'setContainerIommu', container, iommuType } as const;
        return performCommand(context, platform, 'ContainerPayload', command);
      }),
  }),
  vfioMapDma: t.field({
    type: ContainerResult,
    description: 'Lets the devices of a container reach memory of its process. Linux: VFIO_IOMMU_MAP_DMA.',
    args: { input: t.arg({ type: VfioMapDmaInput, required: true, description: 'What to map.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const { platform, container } = containerOf(input.container);
        const { iova, vaddr, size } = input;
        const access = readWrite(input.access, ['input', 'access']);
        const command = { type: 'vfioMapDma', container, iova, vaddr, size, ...access } as const;
        return performCommand(context, platform, 'ContainerPayload', command);
      }),
  }),
  vfioUnmapDma: t.field({
    type: VfioUnmapResult,
    description: 'Removes mappings; that there are none is no error. Linux: VFIO_IOMMU_UNMAP_DMA.',
    args: { input: t.arg({ type: VfioUnmapDmaInput, required: true, description: 'What to unmap.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const { platform, container } = containerOf(input.container);
        const { iova, size } = input;
        const command = { type: 'vfioUnmapDma', container, iova, size, all: input.all ?? false } as const;
        return performCommand(context, platform, 'VfioUnmapPayload', command);
      }),
  }),
}));
