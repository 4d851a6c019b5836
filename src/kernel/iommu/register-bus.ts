import { KernelError } from '../errno.js';
import type { Bus, Endpoint, IommuOps } from '../objects.js';
import type { KernelState } from '../state.js';
import { probeOrder } from '../intel/unit-lookup.js';
import { attachToDefault, giveDefaultDomain } from './default-domain.js';
import { leaveGroup } from './group.js';
import { joinGroupOf } from './probe.js';

/**
 * Gives a bus its IOMMU operations and probes every device already on it: first all groups, then for each
 * group its default domain. One failure takes everything back. Linux: bus_set_iommu(), bus_iommu_probe().
 */
export function registerBusOps(state: KernelState, bus: Bus, ops: IommuOps): void {
  if (bus.iommuOps !== null) {
    throw new KernelError(
      'EBUSY',
      'bus_set_iommu',
      `The ${bus.name} bus has operations: ${bus.iommuOps.name}.`,
    );
  }
  bus.iommuOps = ops;
  const present = endpointsOf(state, bus);
  try {
    for (const endpoint of present) probeUnlessNoUnit(state, ops, endpoint);
    for (const group of state.groups.values()) {
      if (group.defaultDomain !== null || group.members[0]?.bus !== bus) continue;
      if (giveDefaultDomain(state, ops, group))
        for (const member of group.members) attachToDefault(group, member);
    }
  } catch (error) {
    for (const endpoint of present) {
      if (endpoint.group === null) continue;
      ops.releaseDevice(endpoint);
      leaveGroup(state, endpoint);
      endpoint.unit = null;
    }
    bus.iommuOps = null;
    throw error;
  }
}

/** A device no unit serves is passed over; any other failure ends the walk. */
function probeUnlessNoUnit(state: KernelState, ops: IommuOps, endpoint: Endpoint): void {
  if (endpoint.group !== null) return;
  try {
    joinGroupOf(state, ops, endpoint);
  } catch (error) {
    if (!(error instanceof KernelError) || error.errno !== 'ENODEV') throw error;
  }
}

function endpointsOf(state: KernelState, bus: Bus): Endpoint[] {
  if (bus.name === 'mdev' || state.dmar === null) return [...state.subdevices.values()];
  const order = probeOrder(state.dmar, state.machine.topology, { perUnit: state.profile.probesPerUnit });
  return order.flatMap((fn) => state.deviceOf(fn) ?? []);
}
