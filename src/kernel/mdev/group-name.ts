import type { IommuGroup } from '../iommu/iommu-group.js';
import type { KernelState } from '../state.js';

/**
 * What the sysfs file `name` of a group shows; null where there is no such file. Only VFIO names groups: those
 * it makes itself for endpoints no IOMMU driver knows. Linux: vfio_noiommu_group_alloc(); seen on a 6.1 kernel.
 */
export function groupName(state: KernelState, group: IommuGroup): string | null {
  if (state.profile.sharesSubdeviceDriver) return null;
  const isMadeByVfio = group.members.some(({ kind, iommuOps }) => kind !== 'Device' && iommuOps === null);
  return isMadeByVfio ? 'vfio-noiommu' : null;
}
