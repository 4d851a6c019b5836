import type { Endpoint } from '../iommu/endpoint.js';
import type { KernelState } from '../state.js';
import { removeGroup } from './container.js';
import { wholly } from '../steps.js';
import { requireNothingLeft } from './left-over.js';
import { refusal } from '../refusal.js';
import { isVfioDevice } from './viability.js';

/**
 * Keeps the VFIO driver on a device its user holds: one that is open, and with older kernels the last of a
 * group in a container. The kernel has no error for it, it waits until the user is gone. A command cannot
 * wait, so it is refused, with the errno of a call that would block.
 * Linux: vfio_unregister_group_dev(), before: vfio_del_group_dev().
 */
export function requireLeavable(state: KernelState, device: Endpoint): void {
  const container = state.vfio.containerHolding(device);
  if (container === null) return;
  const isOpen = container.openDevices.has(device);
  if (!isOpen && !isLast(device)) return;
  if (!isOpen && state.profile.revokesGroupOfLastDevice) {
    // More than one of its groups may go in one step.
    const entry = container.iommu?.domains.find(({ groups }) => groups.includes(device.group!));
    if (entry !== undefined) requireNothingLeft(state, entry);
    return;
  }
  const what = isOpen ? `${device.name} is open` : `container ${container.number} has its group`;
  const rule = `Taking the driver off ${device.name} would wait: ${what}.`;
  const group = device.group!.number;
  throw refusal('EAGAIN', 'vfio_unregister_group_dev', rule, {
    code: device.kind === 'Device' ? 'DEVICE_IN_USE' : 'SUBDEVICE_IN_USE',
    subject: container.subject,
    remedy: isOpen ? 'Close it first.' : `Remove group ${group} from container ${container.number} first.`,
  });
}

/** The VFIO driver leaves a device: with the last one the group is taken from its user. Linux: vfio_device_remove_group(). */
export function leaveVfio(state: KernelState, device: Endpoint): void {
  const container = state.vfio.containerHolding(device);
  if (container !== null && isLast(device)) wholly(removeGroup(state, container, device.group!));
}

function isLast(device: Endpoint): boolean {
  return !device.group!.members.some((each) => each !== device && isVfioDevice(each));
}
