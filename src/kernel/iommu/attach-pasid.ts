import { removeDevicePasid, setDevicePasid } from '../intel/device-pasid.js';
import { maxPasids } from '../intel/device-tlb-control.js';
import { FIRST_PASID } from '../intel/pasid-allocator.js';
import { KernelError } from '../errno.js';
import type { Domain } from './domain.js';
import type { Endpoint } from './endpoint.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { Subdevice } from '../mdev/subdevice.js';
import { refusal } from '../refusal.js';
import type { KernelState } from '../state.js';

const MIRRORS = 'iommu_attach_device_pasid';

/**
 * Lets a domain translate one PASID of a device. The caller chose the PASID. Which PASIDs are taken is
 * kept by group. Linux: iommu_attach_device_pasid().
 *
 * @param endpoint whose requests carry the PASID: a subdevice, or the device itself
 */
export function attachDevicePasid(
  state: KernelState,
  domain: Domain,
  device: KernelDevice,
  pasid: number,
  endpoint: Endpoint,
): void {
  const ops = device.iommuOps;
  if (ops === null || !ops.functions.includes('set_dev_pasid')) {
    const rule = `The driver of ${device.name}'s unit attaches no PASIDs.`;
    throw refusal('EOPNOTSUPP', MIRRORS, rule, { code: 'NO_PASID_ATTACH', subject: device.subject });
  }
  const { group } = device;
  if (group === null) {
    const rule = `${device.name} has no group.`;
    throw refusal('ENODEV', MIRRORS, rule, { code: 'NO_GROUP', subject: device.subject });
  }
  if (domain.ops !== ops || pasid === 0) {
    const rule =
      pasid === 0
        ? 'PASID 0 is for requests without one.'
        : `Domain ${domain.number} is of ${domain.ops.name}, ${device.name} is served by ${ops.name}.`;
    throw refusal('EINVAL', MIRRORS, rule, { code: 'OTHER_OPERATIONS', subject: domain.subject });
  }
  const holder = group.members
    .flatMap((member) => (member.kind === 'Device' ? member.attachments : []))
    .find((each) => each.pasid === pasid);
  if (holder !== undefined) {
    const rule = `PASID ${pasid} of group ${group.number} is attached to domain ${holder.domain.number}.`;
    throw new KernelError('EBUSY', MIRRORS, rule, [
      {
        code: 'PASID_IN_USE',
        message: rule,
        subject: holder.domain.subject,
        remedy: `Detach domain ${holder.domain.number} first.`,
      },
    ]);
  }
  setDevicePasid(state, domain, device, pasid, endpoint);
}

/**
 * What the parent's driver does when a subdevice gets a domain: it takes a PASID, the one the subdevice has
 * or the lowest free one the device can send, and attaches. A PASID that was not attached goes back.
 */
export function attachForSubdevice(state: KernelState, domain: Domain, subdevice: Subdevice): void {
  const { parent } = subdevice;
  const own = subdevice.pasid;
  const last = maxPasids(parent.fn) - 1;
  const pasid = own ?? state.pasids.allocate(FIRST_PASID, last);
  if (pasid === null) {
    const message = `No PASID from ${FIRST_PASID} to ${last} is free for ${parent.name}.`;
    throw new KernelError('ENOSPC', 'ioasid_alloc', message, [
      { code: 'NO_FREE_PASID', message, subject: parent.subject, remedy: 'Detach a domain.' },
    ]);
  }
  try {
    attachDevicePasid(state, domain, parent, pasid, subdevice);
  } catch (error) {
    if (own === null) state.pasids.free(pasid);
    throw error;
  }
}

/** Ends it; the PASID is free again. Linux: iommu_detach_device_pasid(). */
export function detachForSubdevice(state: KernelState, domain: Domain, subdevice: Subdevice): void {
  const { parent } = subdevice;
  const attachment = parent.attachments.find(
    (each) => each.endpoint === subdevice && each.domain === domain,
  )!;
  removeDevicePasid(state, attachment);
  state.pasids.free(attachment.pasid!);
}
