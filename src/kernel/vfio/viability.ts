import type { Blocker } from '../errno.js';
import type { IommuGroup } from '../iommu/iommu-group.js';

/** Drivers under which a device cannot harm the owner of its group. Linux: vfio_driver_allowed[]. */
const HARMLESS = new Set(['pci-stub', 'vfio-pci', 'vfio_mdev']);

/** Drivers that hand their devices to user space. */
const VFIO_DRIVERS = new Set(['vfio-pci', 'vfio_mdev']);

/** Whether a driver makes its device a VFIO device. */
export function isVfioDriver(driver: string | null): boolean {
  return driver !== null && VFIO_DRIVERS.has(driver);
}

/** Whether a driver can be trusted beside a user in one group. */
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
    if (member.driver === null || isHarmlessDriver(member.driver)) continue;
    if (member.kind === 'Device' && member.fn.isBridge) continue;
    blockers.push({
      code: 'HOST_DRIVER_BOUND',
      message: `${member.name} is bound to ${member.driver}, and every endpoint of group ${group.number} must be driverless or bound to a VFIO driver.`,
      subject: member.subject,
      remedy: `Unbind ${member.name} from ${member.driver}, then bind it to vfio-pci.`,
    });
  }
  return blockers;
}
