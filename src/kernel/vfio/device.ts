import type { Endpoint } from '../iommu/endpoint.js';
import type { IommuGroup } from '../iommu/iommu-group.js';
import type { KernelState } from '../state.js';
import { refusal } from '../refusal.js';
import { groupBlockers, isVfioDevice } from './viability.js';

const MIRRORS = 'vfio_group_get_device_fd';

/**
 * Opens a device of a group by its name. Here the older kernels look at the drivers of the whole group.
 * Linux: vfio_group_get_device_fd().
 */
export function openDevice(state: KernelState, group: IommuGroup, name: string): Endpoint {
  const find = () => group.members.find((each) => each.name === name && isVfioDevice(each));
  // Which of two mistakes is told depends on the profile.
  if (state.profile.findsVfioDeviceFirst && find() === undefined) throw unknown(group, name);
  const container = state.vfio.containerOf.get(group);
  if (container === undefined || container.iommu === null) {
    const what = container === undefined ? 'is in no container' : 'is in a container without an IOMMU type';
    throw refusal('EINVAL', MIRRORS, `Group ${group.number} ${what}.`, { code: 'NO_IOMMU_SET' });
  }
  const [blocker] = groupBlockers(group);
  if (blocker !== undefined) throw refusal('EINVAL', MIRRORS, blocker.message, blocker);
  const device = find();
  if (device === undefined) throw unknown(group, name);
  container.openDevices.set(device, (container.openDevices.get(device) ?? 0) + 1);
  state.changed('VFIO_DEVICE_OPENED', device.subject);
  return device;
}

/** Closes one file of a device; one that is not open has none. Linux: close(2), vfio_device_fops_release(). */
export function closeDevice(state: KernelState, group: IommuGroup, name: string): Endpoint {
  const container = state.vfio.containerOf.get(group);
  const device = [...(container?.openDevices.keys() ?? [])].find((each) => each.name === name);
  if (container === undefined || device === undefined || device.group !== group) {
    const rule = `No device "${name}" of group ${group.number} is open.`;
    const subject = { kind: 'Group', number: group.number } as const;
    throw refusal('EBADF', 'close', rule, { code: 'DEVICE_NOT_OPEN', subject });
  }
  const files = container.openDevices.get(device)!;
  if (files > 1) container.openDevices.set(device, files - 1);
  else container.openDevices.delete(device);
  state.changed('VFIO_DEVICE_CLOSED', device.subject);
  return device;
}

function unknown(group: IommuGroup, name: string) {
  const rule = `Group ${group.number} has no device "${name}" with a VFIO driver.`;
  return refusal('ENODEV', MIRRORS, rule, {
    code: 'NO_SUCH_DEVICE',
    subject: { kind: 'Group', number: group.number },
  });
}
