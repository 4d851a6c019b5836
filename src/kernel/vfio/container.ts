import { KernelError } from '../errno.js';
import { claimDmaOwner, releaseDmaOwner } from '../iommu/dma-owner.js';
import type { IommuGroup } from '../iommu/iommu-group.js';
import type { KernelState } from '../state.js';
import { attachGroup } from './attach-group.js';
import { leaveAddressSpace } from './detach-group.js';
import { requireNothingLeft } from './left-over.js';
import { DmaList } from './dma-list.js';
import { type Type1, VFIO_IOMMU, VfioContainer } from './objects.js';
import { refusal } from '../refusal.js';
import type { Steps } from '../steps.js';
import { UserMemory, type UserRange, WHOLE_USER_SPACE } from './user-memory.js';
import { isVfioDevice } from './viability.js';

/**
 * Opens /dev/vfio/vfio for a process with this memory. Linux: vfio_fops_open().
 * @param lockLimit pages it may have pinned at a time; null for any number
 */
export function openContainer(
  state: KernelState,
  userMemory: readonly UserRange[] | null,
  lockLimit: number | null,
): VfioContainer {
  const memory = new UserMemory(userMemory ?? [WHOLE_USER_SPACE], state.vfio.frames, lockLimit);
  const container = new VfioContainer(state.vfio.takeNumber(), memory);
  state.vfio.containers.set(container.number, container);
  state.changed('CONTAINER_OPENED', container.subject);
  return container;
}

/** The process exits: devices, then groups, then the container are closed. Linux: vfio_fops_release(). */
export function* closeContainer(state: KernelState, container: VfioContainer): Steps<void> {
  for (const entry of container.iommu?.domains ?? []) requireNothingLeft(state, entry);
  container.openDevices.clear();
  for (const group of [...container.groups].reverse()) yield* removeGroup(state, container, group);
  container.userMemory.release();
  state.vfio.containers.delete(container.number);
  state.changed('CONTAINER_CLOSED', container.subject);
}

/**
 * Opens a group's file and puts the group into a container. Older kernels look at its drivers only when a
 * device is asked for, so a group that host drivers use is moved to the user's domain without a word.
 * Linux: vfio_group_fops_open(), vfio_group_set_container().
 */
export function* addGroup(state: KernelState, container: VfioContainer, group: IommuGroup): Steps<void> {
  requireOpenable(state, container, group);
  if (state.profile.claimsDmaOwnership) claimDmaOwner(state, group);
  try {
    if (container.iommu !== null) yield* attachGroup(state, container, container.iommu, group);
  } catch (error) {
    if (error instanceof KernelError) releaseDmaOwner(group);
    throw error;
  }
  container.groups.unshift(group);
  state.vfio.containerOf.set(group, container);
}

/** Linux: vfio_group_unset_container(). */
export function* removeGroup(state: KernelState, container: VfioContainer, group: IommuGroup): Steps<void> {
  const mirrors = 'vfio_group_unset_container';
  if (state.vfio.containerOf.get(group) !== container) {
    const rule = `Group ${group.number} is not in container ${container.number}.`;
    throw refusal('EINVAL', mirrors, rule, { code: 'NOT_IN_CONTAINER', subject: groupSubject(group) });
  }
  const open = group.members.find((member) => container.openDevices.has(member));
  if (open !== undefined) {
    const rule = `${open.name} of group ${group.number} is open.`;
    throw refusal('EBUSY', mirrors, rule, {
      code: 'DEVICE_OPEN',
      subject: open.subject,
      remedy: 'Close it first.',
    });
  }
  const entry = container.iommu?.domains.find(({ groups }) => groups.includes(group));
  if (entry?.groups.length === 1) requireNothingLeft(state, entry);
  if (container.iommu !== null) yield* leaveAddressSpace(state, container.iommu, group);
  releaseDmaOwner(group);
  container.groups.splice(container.groups.indexOf(group), 1);
  state.vfio.containerOf.delete(group);
  if (container.groups.length === 0) container.iommu = null;
}

/**
 * Chooses the backend and attaches every group, the newest first; one that fails sends those before it back.
 * Linux: vfio_ioctl_set_iommu(), __vfio_container_attach_groups().
 * @param type number of a backend: 1, 3 or 6 for the kinds of type1
 */
export function* setIommu(state: KernelState, container: VfioContainer, type: number): Steps<void> {
  const mirrors = 'vfio_ioctl_set_iommu';
  if (container.groups.length === 0 || container.iommu !== null) {
    const why = container.iommu === null ? 'has no group' : 'has its IOMMU type already';
    throw refusal('EINVAL', mirrors, `Container ${container.number} ${why}.`, {
      code: container.iommu === null ? 'NO_GROUP' : 'IOMMU_SET',
      subject: container.subject,
      remedy: container.iommu === null ? 'Add a group first.' : null,
    });
  }
  if (!Object.values<number>(VFIO_IOMMU).includes(type)) {
    throw refusal('ENODEV', mirrors, `No backend on this platform has the number ${type}.`, {
      code: 'NO_SUCH_BACKEND',
    });
  }
  const iommu = newType1(state, type);
  const attached: IommuGroup[] = [];
  try {
    for (const group of container.groups) {
      yield* attachGroup(state, container, iommu, group);
      attached.push(group);
    }
  } catch (error) {
    if (error instanceof KernelError)
      for (const group of attached.reverse()) yield* leaveAddressSpace(state, iommu, group);
    throw error;
  }
  container.iommu = iommu;
}

/** Linux: vfio_iommu_type1_open(). */
function newType1(state: KernelState, type: number): Type1 {
  return {
    v2: type !== VFIO_IOMMU.TYPE1,
    nesting: type === VFIO_IOMMU.NESTING,
    domains: [],
    external: null,
    dmas: new DmaList(),
    iovaRanges: [],
    available: state.vfio.dmaEntryLimit,
    dirty: null,
  };
}

/** A group has a file once a VFIO driver holds a member, and the file is open to one process at a time. */
function requireOpenable(state: KernelState, container: VfioContainer, group: IommuGroup): void {
  const holder = state.vfio.containerOf.get(group);
  if (holder === container) {
    const rule = `Group ${group.number} is in container ${container.number} already.`;
    throw refusal('EINVAL', 'vfio_group_set_container', rule, {
      code: 'IN_CONTAINER',
      subject: container.subject,
    });
  }
  if (holder !== undefined) {
    const rule = `Group ${group.number} is open: it is in container ${holder.number}.`;
    throw refusal('EBUSY', 'vfio_group_fops_open', rule, {
      code: 'GROUP_OPEN',
      subject: holder.subject,
      remedy: `Remove it from container ${holder.number} first.`,
    });
  }
  if (group.members.some(isVfioDevice)) return;
  const rule = `Group ${group.number} has no file: no member is bound to a VFIO driver.`;
  throw refusal('ENODEV', 'vfio_group_fops_open', rule, {
    code: 'NO_VFIO_DRIVER',
    subject: groupSubject(group),
    remedy: 'Bind a member to vfio-pci.',
  });
}

function groupSubject(group: IommuGroup) {
  return { kind: 'Group', number: group.number } as const;
}
