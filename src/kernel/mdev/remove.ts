import { KernelError } from '../errno.js';
import { leaveGroup } from '../iommu/group.js';
import type { KernelDevice, Subdevice } from '../objects.js';
import type { KernelState } from '../state.js';
import { childrenOf } from './types.js';

/**
 * Removes a subdevice. In use, the kernel has no error for it: it waits until the user is gone. A command
 * cannot wait, so it is refused, with the errno of a call that would block.
 * Linux: remove_store(), mdev_device_remove().
 */
export function removeMdev(state: KernelState, subdevice: Subdevice): void {
  requireIdle(state, subdevice);
  const ops = subdevice.bus.iommuOps;
  // With operations on the bus the core lets go of the group, when no driver is bound any more; without
  // them the driver does, as long as it is.
  if (ops !== null) subdevice.driver = null;
  ops?.releaseDevice(subdevice);
  leaveGroup(state, subdevice);
  if (ops === null) state.log.printFor(subdevice, 'MDEV: detaching iommu');
  subdevice.unit = null;
  subdevice.driver = null;
  state.subdevices.delete(subdevice.uuid);
  state.changed('SUBDEVICE_REMOVED', subdevice.subject);
}

/** Removes every subdevice of a parent, or none. Linux: mdev_unregister_device(). */
export function removeChildren(state: KernelState, parent: KernelDevice): void {
  const children = childrenOf(state, parent);
  for (const child of children) requireIdle(state, child);
  for (const child of children) removeMdev(state, child);
}

function requireIdle(state: KernelState, subdevice: Subdevice): void {
  const container = subdevice.group === null ? undefined : state.vfio.containerOf.get(subdevice.group);
  if (container !== undefined) {
    const rule = `Container ${container.number} has the group of subdevice ${subdevice.uuid}: removal would wait until it has not.`;
    throw new KernelError('EAGAIN', 'vfio_del_group_dev', rule, [
      {
        code: 'SUBDEVICE_IN_USE',
        message: rule,
        subject: container.subject,
        remedy: `Remove the group from container ${container.number} first.`,
      },
    ]);
  }
  const domain =
    subdevice.domain ??
    subdevice.parent.attachments.find((each) => each.endpoint === subdevice)?.domain ??
    null;
  if (domain === null) return;
  const rule = `Subdevice ${subdevice.uuid} is attached to domain ${domain.number}: removal would wait until it is not.`;
  throw new KernelError('EAGAIN', 'vfio_del_group_dev', rule, [
    {
      code: 'SUBDEVICE_IN_USE',
      message: rule,
      subject: domain.subject,
      remedy: `Detach domain ${domain.number} first.`,
    },
  ]);
}
