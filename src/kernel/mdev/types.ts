import type { MdevParent } from './mdev-parent.js';
import type { MdevType, MdevTypeInput } from './mdev-type.js';
import type { SubdeviceOf } from './subdevice.js';
import type { KernelState } from '../state.js';

/**
 * Subdevice types a parent offers now: those of its driver, while that driver is bound.
 * Linux: mdev_register_device(), struct mdev_type.
 */
export function mdevTypes<P extends MdevParent>(state: KernelState, parent: P): MdevType<P>[] {
  if (!offersTypes(parent)) return [];
  return parent.mdevTypeInputs.map((input) => {
    const name = typeName(parent, input);
    return {
      name,
      displayName: input.displayName,
      description: input.description,
      deviceApi: input.deviceApi,
      availableInstances: availableInstances(state, parent, input),
      parent,
      subdevices: childrenOf(state, parent).filter((each) => each.typeName === name),
    };
  });
}

/** Whether the driver bound to a device is the one that makes subdevices of it. */
export function offersTypes(parent: MdevParent): boolean {
  if (parent.driver === null || parent.mdevTypeInputs.length === 0) return false;
  return parent.mdevDriver === null || parent.driver === parent.mdevDriver;
}

export function typeName(parent: MdevParent, input: MdevTypeInput): string {
  return `${parent.driver}-${input.group}`;
}

/** Instances that still fit into the pool a type draws from. */
export function availableInstances(state: KernelState, parent: MdevParent, input: MdevTypeInput): number {
  let used = 0;
  for (const child of childrenOf(state, parent)) {
    if (child.typeInput.pool === input.pool) used += child.typeInput.cost;
  }
  return Math.max(0, Math.floor((input.capacity - used) / input.cost));
}

export function childrenOf<P extends MdevParent>(state: KernelState, parent: P): SubdeviceOf<P>[] {
  return state.allSubdevices.filter((each): each is SubdeviceOf<P> => each.parent === parent);
}
