import { KernelError } from '../errno.js';
import { leaveGroup } from '../iommu/group.js';
import type { AnySubdevice } from './subdevice.js';
import type { MdevParent } from './mdev-parent.js';
import type { KernelState } from '../state.js';
import { leaveVfio, requireLeavable } from '../vfio/last-device.js';
import { childrenOf } from './types.js';

/**
 * Removes a subdevice. In use, the kernel has no error for it: it waits until the user is gone. A command
 * cannot wait, so it is refused, with the errno of a call that would block.
 * Linux: remove_store(), mdev_device_remove().
 */
export function removeMdev(state: KernelState, subdevice: AnySubdevice): void {
  requireActive(state, subdevice);
  requireIdle(state, subdevice);
  state.leavingSubdevices.add(subdevice);
  leaveVfio(state, subdevice);
  const ops = subdevice.iommuOps;
  // With operations on the bus the core lets go of the group, when no driver is bound any more; without
  // them the driver does, as long as it is.
  if (ops !== null) subdevice.driver = null;
  ops?.releaseDevice(subdevice);
  const hadGroup = subdevice.group !== null;
  leaveGroup(state, subdevice);
  if (hadGroup && ops === null && state.profile.sharesSubdeviceDriver)
    state.log.printFor(subdevice, 'MDEV: detaching iommu');
  subdevice.unit = null;
  subdevice.driver = null;
  if (subdevice.kind === 'Subdevice') state.subdevices.delete(subdevice.uuid);
  else state.softwareSubdevices.delete(subdevice.uuid);
  state.leavingSubdevices.delete(subdevice);
  state.changed('SUBDEVICE_REMOVED', subdevice.subject);
}

/** Removes every subdevice of a parent. Linux: mdev_device_remove_cb(). */
export function removeChildren(state: KernelState, parent: MdevParent): void {
  for (const child of childrenOf(state, parent)) removeMdev(state, child);
}

/** Linux: mdev_unregister_device() waits for each. */
export function requireChildrenIdle(state: KernelState, parent: MdevParent): void {
  for (const child of childrenOf(state, parent)) requireIdle(state, child);
}

/** A removal that runs, or is over. */
function requireActive(state: KernelState, subdevice: AnySubdevice): void {
  const isLeaving = state.leavingSubdevices.has(subdevice);
  if (state.allSubdevices.includes(subdevice) && !isLeaving) return;
  throw isLeaving
    ? new KernelError('EAGAIN', 'mdev_device_remove', `${subdevice.uuid} is being removed.`)
    : new KernelError('ENODEV', 'mdev_device_remove', `${subdevice.uuid} is no more.`);
}

function requireIdle(state: KernelState, subdevice: AnySubdevice): void {
  requireLeavable(state, subdevice);
  // What its container attached goes with it.
  if (state.vfio.containerHolding(subdevice) !== null) return;
  const parent = subdevice.kind === 'Subdevice' ? subdevice.parent : null;
  const domain =
    subdevice.domain ?? parent?.attachments.find((each) => each.endpoint === subdevice)?.domain ?? null;
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
