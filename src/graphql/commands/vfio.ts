import { u64ToNumber } from '../../bits/u64.js';
import { VFIO_IOMMU } from '../../kernel/vfio/objects.js';
import type { UserMemoryRange } from '../../platform/command.js';
import { InvalidInputError } from '../../platform/errors.js';
import { builder } from '../builder.js';
import { DmaAccessEnum, VfioDirtyActionEnum, VfioIommuTypeEnum } from '../enums.js';
import { numberKey, requireId, requireKnownKind } from '../ids.js';
import { type Asked, requestFields } from './asked.js';

export const UserMemoryInput = builder.inputType('UserMemoryInput', {
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

export const OpenContainerInput = builder.inputType('OpenContainerInput', {
  description: 'Where to open a container, and for what process.',
  fields: (t) => ({
    platform: t.id({ required: true, description: 'Id of the platform.' }),
    userMemory: t.field({
      type: [UserMemoryInput],
      description:
        'What the owning process has mapped; everything below 2^47 readable and writable when left out.',
    }),
    lockedMemoryLimit: t.field({
      type: 'ByteSize',
      description:
        'RLIMIT_MEMLOCK of the process, counted in whole pages: mappings that would pin more are ENOMEM. No limit when left out, as with CAP_IPC_LOCK.',
    }),
    ...requestFields(t),
  }),
});

export const ContainerGroupInput = builder.inputType('ContainerGroupInput', {
  description: 'A container and a group.',
  fields: (t) => ({
    container: t.id({ required: true, description: 'Id of the container.' }),
    group: t.id({ required: true, description: 'Id of the group.' }),
    ...requestFields(t),
  }),
});

export const SetContainerIommuInput = builder.inputType('SetContainerIommuInput', {
  description: 'Which backend a container is to have.',
  fields: (t) => ({
    container: t.id({ required: true, description: 'Id of the container.' }),
    type: t.field({ type: VfioIommuTypeEnum, required: true, description: 'The backend.' }),
    ...requestFields(t),
  }),
});

export const VfioDeviceInput = builder.inputType('VfioDeviceInput', {
  description: 'A device of a group, as VFIO names it.',
  fields: (t) => ({
    group: t.id({ required: true, description: 'Id of the group.' }),
    name: t.string({
      required: true,
      description: 'Name of the device: its PCI address such as 0000:6a:01.0, or the UUID of a subdevice.',
    }),
    ...requestFields(t),
  }),
});

export const VfioMapDmaInput = builder.inputType('VfioMapDmaInput', {
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
    updateVaddr: t.boolean({
      defaultValue: false,
      description:
        'VFIO_DMA_MAP_FLAG_VADDR, from V5_15 on: gives a mapping whose address was taken a new one; access must be empty and iova and size those of the mapping.',
    }),
    ...requestFields(t),
  }),
});

export const VfioUnmapDmaInput = builder.inputType('VfioUnmapDmaInput', {
  description: 'A range whose mappings are to go.',
  fields: (t) => ({
    container: t.id({ required: true, description: 'Id of the container.' }),
    iova: t.field({ type: 'Address', required: true, description: 'First I/O address.' }),
    size: t.field({ type: 'ByteSize', required: true, description: 'Bytes; a multiple of 4096.' }),
    all: t.boolean({
      defaultValue: false,
      description: 'VFIO_DMA_UNMAP_FLAG_ALL; iova and size must be 0.',
    }),
    takeVaddr: t.boolean({
      defaultValue: false,
      description:
        'VFIO_DMA_UNMAP_FLAG_VADDR, from V5_15 on: the mappings stay for devices and lose their addresses in the process, until vfioMapDma gives each another (updateVaddr).',
    }),
    ...requestFields(t),
  }),
});

export const VfioDirtyPagesInput = builder.inputType('VfioDirtyPagesInput', {
  description: 'What to do with the record of pages that may have been written.',
  fields: (t) => ({
    container: t.id({ required: true, description: 'Id of the container.' }),
    action: t.field({ type: VfioDirtyActionEnum, required: true, description: 'What to do.' }),
    iova: t.field({ type: 'Address', description: 'First I/O address to read; GET_BITMAP only.' }),
    size: t.field({
      type: 'ByteSize',
      description: 'Bytes to read, a multiple of 4096 that cuts no mapping; GET_BITMAP only.',
    }),
    ...requestFields(t),
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

export function userRange({ start, size, access, pageSize }: UserMemory): UserMemoryRange {
  return {
    start,
    size,
    ...readWrite(access, ['input', 'userMemory', 'access']),
    pageSize: pageSize == null ? 4096 : u64ToNumber(pageSize),
  };
}

export function askOpenContainer(input: typeof OpenContainerInput.$inferInput): Asked<'openContainer'> {
  const { platform } = requireId(input.platform, ['input', 'platform'], 'Platform');
  const userMemory = input.userMemory == null ? null : input.userMemory.map(userRange);
  const { lockedMemoryLimit } = input;
  const command = { type: 'openContainer', userMemory } as const;
  return { platform, command: lockedMemoryLimit == null ? command : { ...command, lockedMemoryLimit } };
}

export function askCloseContainer(input: { readonly id: string }): Asked<'closeContainer'> {
  const id = requireKnownKind(input.id, 'VfioContainer');
  return { platform: id.platform, command: { type: 'closeContainer', container: numberKey(id, input.id) } };
}

type ContainerGroup = typeof ContainerGroupInput.$inferInput;

export function askAddGroup(input: ContainerGroup): Asked<'addGroupToContainer'> {
  const { platform, container, group } = containerAndGroup(input);
  return { platform, command: { type: 'addGroupToContainer', container, group } };
}

export function askRemoveGroup(input: ContainerGroup): Asked<'removeGroupFromContainer'> {
  const { platform, container, group } = containerAndGroup(input);
  return { platform, command: { type: 'removeGroupFromContainer', container, group } };
}

export function askSetContainerIommu(
  input: typeof SetContainerIommuInput.$inferInput,
): Asked<'setContainerIommu'> {
  const { platform, container } = containerOf(input.container);
  const iommuType = VFIO_IOMMU[input.type];
  return { platform, command: { type: 'setContainerIommu', container, iommuType } };
}

function deviceOfGroup(input: typeof VfioDeviceInput.$inferInput) {
  const id = requireId(input.group, ['input', 'group'], 'Group');
  return { platform: id.platform, group: numberKey(id, input.group), name: input.name };
}

export function askOpenVfioDevice(input: typeof VfioDeviceInput.$inferInput): Asked<'openVfioDevice'> {
  const { platform, ...named } = deviceOfGroup(input);
  return { platform, command: { type: 'openVfioDevice', ...named } };
}

export function askCloseVfioDevice(input: typeof VfioDeviceInput.$inferInput): Asked<'closeVfioDevice'> {
  const { platform, ...named } = deviceOfGroup(input);
  return { platform, command: { type: 'closeVfioDevice', ...named } };
}

export function askVfioMapDma(input: typeof VfioMapDmaInput.$inferInput): Asked<'vfioMapDma'> {
  const { platform, container } = containerOf(input.container);
  const { iova, vaddr, size } = input;
  const access = readWrite(input.access, ['input', 'access']);
  const command = { type: 'vfioMapDma', container, iova, vaddr, size, ...access } as const;
  return { platform, command: input.updateVaddr ? { ...command, updateVaddr: true } : command };
}

export function askVfioUnmapDma(input: typeof VfioUnmapDmaInput.$inferInput): Asked<'vfioUnmapDma'> {
  const { platform, container } = containerOf(input.container);
  const { iova, size } = input;
  const command = { type: 'vfioUnmapDma', container, iova, size, all: input.all ?? false } as const;
  return { platform, command: input.takeVaddr ? { ...command, takeVaddr: true } : command };
}

export function askVfioDirtyPages(input: typeof VfioDirtyPagesInput.$inferInput): Asked<'vfioDirtyPages'> {
  const { platform, container } = containerOf(input.container);
  const { action, iova, size } = input;
  if ((iova == null) !== (action !== 'GET_BITMAP') || (size == null) !== (iova == null)) {
    throw new InvalidInputError(['input'], 'GET_BITMAP takes iova and size; START and STOP take neither.');
  }
  const range = iova == null || size == null ? null : { iova, size };
  return { platform, command: { type: 'vfioDirtyPages', container, action, range } };
}
