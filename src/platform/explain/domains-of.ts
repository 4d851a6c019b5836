import type { AttachmentRecord } from './address-history.js';
import { devicesOf } from './domain.js';
import type { FaultCase } from './fault-case.js';

/** Every attachment the requester, or a subdevice of it, has or had; oldest first. */
export function domainsOf({ history, requester, platform }: FaultCase): AttachmentRecord[] {
  const devices = new Set(devicesOf(requester));
  return history.attachments.filter(({ endpoint }) => {
    if (endpoint.kind === 'Device') return [...devices].some(({ name }) => name === endpoint.name);
    const subdevice = platform.kernel.subdevices.get(endpoint.name);
    return subdevice !== undefined && devices.has(subdevice.parent);
  });
}
