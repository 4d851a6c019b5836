import { KernelError } from '../errno.js';
import type { Endpoint } from './endpoint.js';
import type { IommuOps } from './iommu-ops.js';
import type { KernelState } from '../state.js';
import { attachToDefault, giveDefaultDomain, mapReservedMemory } from './default-domain.js';
import { joinGroup, leaveGroup, newGroup } from './group.js';

/**
 * What the IOMMU core does when a device appears on a bus with operations: unit, group, default domain.
 * Returns the refusal that kept it from being probed, which device creation does not care about.
 * Linux: iommu_probe_device().
 */
export function probeEndpoint(state: KernelState, endpoint: Endpoint): KernelError | null {
  const ops = endpoint.iommuOps;
  if (ops === null)
    return new KernelError('ENODEV', 'iommu_probe_device', `The ${endpoint.bus.name} bus has no operations.`);
  try {
    joinGroupOf(state, ops, endpoint);
  } catch (error) {
    if (error instanceof KernelError) return error;
    throw error;
  }
  const group = endpoint.group!;
  // No default domain is fine: subdevices never get one.
  if (group.defaultDomain === null) giveDefaultDomain(state, ops, group);
  // Before, a newcomer to a group that user space has is taken out of the user's domain again.
  const leavesToUser = group.owned && state.profile.claimsDmaOwnership;
  if (group.defaultDomain !== null && !leavesToUser) {
    try {
      attachToDefault(group, endpoint);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      releaseEndpoint(state, endpoint);
      return error;
    }
  }
  mapReservedMemory(state, group, endpoint);
  return null;
}

/** What the core does when a device goes away: unit and group are left. Linux: iommu_release_device(). */
export function releaseEndpoint(state: KernelState, endpoint: Endpoint): void {
  if (endpoint.group === null) return;
  endpoint.iommuOps?.releaseDevice(endpoint);
  leaveGroup(state, endpoint);
  endpoint.unit = null;
}

/** Finds the unit and the group of a device, and makes the group if need be. Linux: __iommu_probe_device(). */
export function joinGroupOf(state: KernelState, ops: IommuOps, endpoint: Endpoint): void {
  const unit = ops.probeDevice(endpoint);
  const choice = ops.deviceGroup(endpoint);
  endpoint.unit = unit;
  joinGroup(state, choice.existing ?? newGroup(state), endpoint, choice.reasons);
}
