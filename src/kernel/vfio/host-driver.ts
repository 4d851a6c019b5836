import type { KernelDevice } from '../device/kernel-device.js';
import type { KernelState } from '../state.js';
import { unsafe } from '../unsafe.js';
import { refusal } from '../refusal.js';
import { isHarmlessDriver } from './viability.js';

/**
 * Keeps host drivers off the devices of a group that user space has in a container. Older kernels notice
 * only when it is done, and stop.
 * Linux: iommu_device_use_default_domain(); before, vfio_group_nb_verify() and BUG().
 */
export function requireNotUsersDevice(state: KernelState, device: KernelDevice, driver: string): void {
  const { group } = device;
  const container = group === null ? undefined : state.vfio.containerOf.get(group);
  if (group === null || container === undefined || isHarmlessDriver(driver) || device.fn.isBridge) return;
  const remedy = `Remove group ${group.number} from container ${container.number} first.`;
  const rule = `${device.name} is in group ${group.number}, which container ${container.number} has.`;
  if (!state.profile.claimsDmaOwnership) {
    throw unsafe(
      'vfio_group_nb_verify',
      `${rule} A host driver beside a user is answered with BUG().`,
      remedy,
    );
  }
  throw refusal('EBUSY', 'iommu_device_use_default_domain', rule, {
    code: 'GROUP_IN_CONTAINER',
    subject: container.subject,
    remedy,
  });
}
