import { KernelError } from '../errno.js';
import { type Domain, type Endpoint, IommuGroup } from '../objects.js';
import type { KernelState } from '../state.js';
import { groupOfOne } from './attach.js';

/**
 * Detaches a domain from a group. With a default domain the members go back to it, or to the
 * empty one while user space owns the group, without the driver's detach; without one the driver detaches each. A domain the group never had is refused, where the kernel
 * would act on it all the same.
 * Linux: iommu_detach_group(), __iommu_detach_group(), iommu_detach_device().
 */
export function detach(_state: KernelState, domain: Domain, target: Endpoint | IommuGroup): void {
  const group = target instanceof IommuGroup ? target : groupOfOne(target, 'iommu_detach_device');
  if (group.domain !== domain && !isAttached(domain, group)) {
    const rule = `Domain ${domain.number} is not attached to group ${group.number}.`;
    throw new KernelError('EINVAL', 'iommu_detach_group', rule, [
      { code: 'NOT_ATTACHED', message: rule, subject: { kind: 'Group', number: group.number }, remedy: null },
    ]);
  }
  const fallback = group.owned ? group.blockingDomain : group.defaultDomain;
  if (fallback === null) {
    for (const member of group.members) domain.ops.detachDev(domain, member);
    group.domain = null;
    return;
  }
  if (group.domain === fallback) return;
  for (const member of group.members) {
    try {
      fallback.ops.attachDev(fallback, member, []);
    } catch (error) {
      // The kernel warns and stops: the group stays on the books of the domain it was to leave.
      if (error instanceof KernelError) return;
      throw error;
    }
  }
  group.domain = fallback;
}

function isAttached(domain: Domain, group: IommuGroup): boolean {
  return domain.attachments.some((each) => !each.leaked && group.members.includes(each.endpoint));
}
