import { KernelError } from '../errno.js';
import type { Bus, SubdeviceFramework } from './bus.js';
import type { Endpoint } from './endpoint.js';
import type { IommuOps } from './iommu-ops.js';
import type { ParentBus } from '../mdev/mdev-parent.js';
import { subdeviceBusName } from '../profile/organisation.js';
import type { KernelState } from '../state.js';
import type { Steps } from '../steps.js';
import { probeOrder } from '../intel/unit-lookup.js';
import { attachToDefault, giveDefaultDomain, mapReservedMemory } from './default-domain.js';
import { leaveGroup } from './group.js';
import { joinGroupOf } from './probe.js';

/**
 * Gives a bus its IOMMU operations and probes every device already on it: first all groups, then for each
 * group its default domain. One failure takes everything back. Linux: bus_set_iommu(), bus_iommu_probe().
 */
export function* registerBusOps(state: KernelState, bus: Bus, ops: IommuOps): Steps<void> {
  if (bus.iommuOps !== null) {
    throw new KernelError(
      'EBUSY',
      'bus_set_iommu',
      `The ${bus.name} bus has operations: ${bus.iommuOps.name}.`,
    );
  }
  bus.iommuOps = ops;
  yield* probePresent(state, bus, ops, endpointsOf(state, bus), () => (bus.iommuOps = null));
}

/**
 * Gives the subdevices of a framework their IOMMU operations. As posted the bus has room for one table;
 * where a subdevice follows its parent's vendor there is room for one a vendor, and where each type of
 * parent bus has a subdevice bus of its own, the table goes to that one. A framework without a bus is
 * passed over.
 *
 * @param parentBus of the parents the table is for
 */
export function* registerSubdeviceOps(
  state: KernelState,
  framework: SubdeviceFramework,
  parentBus: ParentBus,
  ops: IommuOps,
): Steps<void> {
  const bus = state.buses.get(subdeviceBusName(state.organisation, framework, { parentBus }));
  if (bus === undefined) return;
  if (!state.organisation.servesByVendor) {
    yield* registerBusOps(state, bus, ops);
    return;
  }
  bus.opsOfVendor.set(ops.vendor, ops);
  const served = endpointsOf(state, bus).filter((endpoint) => endpoint.iommuOps === ops);
  yield* probePresent(state, bus, ops, served, () => bus.opsOfVendor.delete(ops.vendor));
}

/** Linux: bus_iommu_probe(). */
function* probePresent(
  state: KernelState,
  bus: Bus,
  ops: IommuOps,
  present: readonly Endpoint[],
  takeBack: () => void,
): Steps<void> {
  const ungrouped = present.filter(({ group }) => group === null);
  try {
    for (const endpoint of ungrouped) {
      probeUnlessNoUnit(state, ops, endpoint);
      yield;
    }
    for (const group of state.groups.values()) {
      if (group.defaultDomain !== null || group.members[0]?.bus !== bus) continue;
      if (!giveDefaultDomain(state, ops, group)) continue;
      for (const member of group.members) mapReservedMemory(state, group, member);
      for (const member of group.members) attachToDefault(group, member);
      yield;
    }
  } catch (error) {
    for (const endpoint of ungrouped) {
      if (endpoint.group === null) continue;
      ops.releaseDevice(endpoint);
      leaveGroup(state, endpoint);
      endpoint.unit = null;
    }
    takeBack();
    throw error;
  }
}

/** A device no unit serves is passed over; any other failure ends the walk. */
function probeUnlessNoUnit(state: KernelState, ops: IommuOps, endpoint: Endpoint): void {
  try {
    joinGroupOf(state, ops, endpoint);
  } catch (error) {
    if (!(error instanceof KernelError) || error.errno !== 'ENODEV') throw error;
  }
}

function endpointsOf(state: KernelState, bus: Bus): Endpoint[] {
  if (bus.framework !== null) return state.allSubdevices.filter((each) => each.bus === bus);
  // No function is on the platform bus itself: what drivers put there only stands for it.
  if (bus.name !== 'pci' || state.dmar === null) return [];
  const order = probeOrder(state.dmar, state.machine.topology, { perUnit: state.profile.probesPerUnit });
  return order.flatMap((fn) => state.deviceOf(fn) ?? []);
}
