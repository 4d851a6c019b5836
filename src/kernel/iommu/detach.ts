import { KernelError } from '../errno.js';
import type { Domain } from './domain.js';
import type { Endpoint } from './endpoint.js';
import { IommuGroup } from './iommu-group.js';
import type { KernelState } from '../state.js';
import { detachFromParent, subdeviceBehind } from './attach-to-parent.js';
import { groupOfOne, returnToDefault } from './group-domain.js';

/**
 * Detaches a domain from a group. With a default domain the members go back to it, or to the
 * empty one while user space owns the group, without the driver's detach; without one the driver detaches each. A domain the group never had is refused, where the kernel
 * would act on it all the same.
 * Linux: iommu_detach_group(), __iommu_detach_group(), iommu_detach_device().
 */
export function detach(state: KernelState, domain: Domain, target: Endpoint | IommuGroup): void {
  const subdevice = subdeviceBehind(state, target);
  if (subdevice !== null) {
    detachFromParent(state, domain, subdevice);
    return;
  }
  const group = target instanceof IommuGroup ? target : groupOfOne(target, 'iommu_detach_device');
  if (group.domain !== domain && !isAttached(domain, group)) {
    const rule = `Domain ${domain.number} is not attached to group ${group.number}.`;
    throw new KernelError('EINVAL', 'iommu_detach_group', rule, [
      { code: 'NOT_ATTACHED', message: rule, subject: { kind: 'Group', number: group.number }, remedy: null },
    ]);
  }
  returnToDefault(group, domain);
}

function isAttached(domain: Domain, group: IommuGroup): boolean {
  return domain.attachments.some((each) => !each.leaked && group.members.includes(each.endpoint));
}
