import type { Blocker } from '../errno.js';
import type { Endpoint } from '../iommu/endpoint.js';
import type { IommuGroup } from '../iommu/iommu-group.js';

/** Drivers under which a device cannot harm the owner of its group. Linux: vfio_driver_allowed[]. */
const HARMLESS = new Set(['pci-stub', 'vfio-pci']);

/** Whether a driver of PCI functions hands them to user space. */
export function isVfioDriver(driver: string | null): boolean {
  return driver === 'vfio-pci';
}

/** Whether VFIO has an endpoint: a function by its driver, a subdevice by whichever driver took it. */
export function isVfioDevice(endpoint: Pick<Endpoint, 'kind' | 'driver'>): boolean {
  return endpoint.kind === 'Device' ? isVfioDriver(endpoint.driver) : endpoint.driver !== null;
}

/** Whether a driver of PCI functions can be trusted beside a user in one group. */
export function isHarmlessDriver(driver: string): boolean {
  return HARMLESS.has(driver);
}

/**
 * The members that keep user space from owning a group: those a host driver still drives. A bridge may
 * keep its driver, because it issues no requests of its own making.
 * Linux: vfio_dev_viable(), vfio_dev_driver_allowed().
 */
export function groupBlockers(group: IommuGroup): Blocker[] {
  const blockers: Blocker[] = [];
  for (const member of group.members) {
    if (member.kind !== 'Device' || member.fn.isBridge) continue;
    if (member.driver === null || isHarmlessDriver(member.driver)) continue;
    blockers.push({
      code: 'HOST_DRIVER_BOUND',
      message: `${member.name} is bound to ${member.driver}, and every endpoint of group ${group.number} must be driverless or bound to a VFIO driver.`,
      subject: member.subject,
      remedy: `Unbind ${member.name} from ${member.driver}, then bind it to vfio-pci.`,
    });
  }
  return blockers;
}
