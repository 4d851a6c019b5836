import type { BusOrganisation } from '../config.js';
import { Bus, type SubdeviceFramework } from '../iommu/bus.js';
import type { MdevParent, ParentBus } from '../mdev/mdev-parent.js';

/** Which subdevices share a bus, and which of them a table of operations serves, as questions. */
export interface OrganisationRules {
  /** mdev has one bus for each type of parent bus. */
  readonly splitsByParentBus: boolean;
  /** A bus takes a table from each vendor, and a subdevice is served by that of its parent's vendor. */
  readonly servesByVendor: boolean;
}

const ORGANISATIONS = {
  ONE_OPS_PER_BUS: { splitsByParentBus: false, servesByVendor: false },
  PARENT_DERIVED: { splitsByParentBus: false, servesByVendor: true },
  BUS_PER_PARENT_TYPE: { splitsByParentBus: true, servesByVendor: false },
} as const satisfies Record<BusOrganisation, OrganisationRules>;

export function organisationOf(name: BusOrganisation): OrganisationRules {
  return ORGANISATIONS[name];
}

/** Name of the bus a parent's subdevices are on: `mdev`, or `mdev_pci` and the like where buses are split. */
export function subdeviceBusName(
  { splitsByParentBus }: OrganisationRules,
  framework: SubdeviceFramework,
  { parentBus }: Pick<MdevParent, 'parentBus'>,
): string {
  return framework === 'mdev' && splitsByParentBus ? `mdev_${parentBus}` : framework;
}

/**
 * Every bus a machine has, by name.
 * @param parentBuses types of bus that have subdevice parents, `pci` first
 */
export function busesFor(
  organisation: OrganisationRules,
  parentBuses: readonly ParentBus[],
  testFramework: boolean,
): Map<string, Bus> {
  const physical = parentBuses.filter((name) => name !== 'virtual').map((name) => new Bus(name, null));
  const names = parentBuses.map((parentBus) => subdeviceBusName(organisation, 'mdev', { parentBus }));
  const mediated = [...new Set(names)].map((name) => new Bus(name, 'mdev'));
  const test = testFramework ? [new Bus('subdev-test', 'subdev-test')] : [];
  return new Map([...physical, ...mediated, ...test].map((bus) => [bus.name, bus]));
}
