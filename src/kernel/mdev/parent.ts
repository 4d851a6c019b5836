import { KernelError } from '../errno.js';
import type { MdevParent } from './mdev-parent.js';
import type { KernelState } from '../state.js';
import { removeChildren, requireChildrenIdle } from './remove.js';

/** Operations a parent's driver brings. Linux: struct mdev_parent_ops. */
export type MdevParentOp = 'create' | 'remove' | 'supported_type_groups';

const MANDATORY: readonly MdevParentOp[] = ['create', 'remove', 'supported_type_groups'];

/** Makes a device a parent of subdevices. Linux: mdev_register_device(). */
export function registerParent(
  state: KernelState,
  parent: MdevParent,
  operations: readonly MdevParentOp[] = MANDATORY,
): void {
  const missing = MANDATORY.filter((name) => !operations.includes(name));
  if (missing.length > 0) {
    const rule = `The driver of ${parent.name} lacks ${missing.join(', ')}.`;
    throw new KernelError('EINVAL', 'mdev_register_device', rule);
  }
  if (state.registeredParents.has(parent)) {
    const rule = `${parent.name} is registered already.`;
    throw new KernelError('EEXIST', 'mdev_register_device', rule, [
      { code: 'PARENT_REGISTERED', message: rule, subject: parent.subject, remedy: null },
    ]);
  }
  state.registeredParents.set(parent, 'REGISTERED');
  state.log.printFor(parent, 'MDEV: Registered');
}

/** Takes a parent and all its subdevices away, or nothing. Linux: mdev_unregister_device(). */
export function unregisterParent(state: KernelState, parent: MdevParent): void {
  requireChildrenIdle(state, parent);
  state.registeredParents.set(parent, 'LEAVING');
  state.log.printFor(parent, 'MDEV: Unregistering');
  removeChildren(state, parent);
  state.registeredParents.delete(parent);
}
