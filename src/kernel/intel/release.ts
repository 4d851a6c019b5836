import type { KernelDevice } from '../device/kernel-device.js';
import type { KernelState } from '../state.js';
import { removeDevicePasid } from './device-pasid.js';
import { endBonds } from '../sva/end-bonds.js';
import { detachPrimary } from './primary.js';

/** Forgets a device: its domains, and the PASID table that outlives them. Linux: intel_iommu_release_device(). */
export function releaseDevice(state: KernelState, device: KernelDevice): void {
  endBonds(state, device);
  for (const attachment of [...device.attachments])
    if (attachment.kind === 'PASID') removeDevicePasid(state, attachment);
  detachPrimary(state, device);
  const table = device.keptPasidTable;
  device.keptPasidTable = null;
  if (table !== null && --table.users === 0) table.release();
}
