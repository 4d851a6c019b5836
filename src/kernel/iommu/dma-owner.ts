import { KernelError } from '../errno.js';
import type { Domain } from './domain.js';
import type { IommuGroup } from './iommu-group.js';
import type { KernelState } from '../state.js';
import { groupBlockers } from '../vfio/viability.js';
import { requireSafeAttach } from './safe-attach.js';

/**
 * Gives a group to user space: no host driver may hold a member, and until user space attaches a domain of
 * its own the devices reach nothing. The driver has no blocked domains yet, so an empty unmanaged one does
 * it, under the rules for unmanaged domains. The domain stays with the group when it cannot be attached.
 *
 * A subdevice group has no default domain, and without one its members reach nothing already.
 * Linux: iommu_group_claim_dma_owner().
 */
export function claimDmaOwner(state: KernelState, group: IommuGroup): void {
  const mirrors = 'iommu_group_claim_dma_owner';
  const blockers = groupBlockers(group);
  if (group.owned || blockers.length > 0) {
    const why = group.owned ? 'it has an owner' : 'host drivers hold members of it';
    throw new KernelError('EPERM', mirrors, `Group ${group.number} cannot be owned: ${why}.`, blockers);
  }
  if (group.domain !== null && group.domain !== group.defaultDomain) {
    const rule = `Group ${group.number} is attached to domain ${group.domain.number}.`;
    throw new KernelError('EBUSY', mirrors, rule, [
      { code: 'GROUP_BUSY', message: rule, subject: group.domain.subject, remedy: 'Detach it first.' },
    ]);
  }
  if (group.defaultDomain !== null) {
    group.blockingDomain ??= makeBlockingDomain(group, group.defaultDomain);
    requireSafeAttach(state, group.blockingDomain, group);
    setDomain(group, group.blockingDomain);
  }
  group.owned = true;
}

/** Gives a group back to the kernel and its default domain. Linux: iommu_group_release_dma_owner(). */
export function releaseDmaOwner(group: IommuGroup): void {
  if (!group.owned) return;
  group.owned = false;
  if (group.defaultDomain === null) return;
  try {
    setDomain(group, group.defaultDomain);
  } catch (error) {
    // The kernel warns and goes on: the group stays where it is.
    if (!(error instanceof KernelError)) throw error;
  }
}

/** Linux: __iommu_group_alloc_blocking_domain(). */
function makeBlockingDomain(group: IommuGroup, { ops }: Domain): Domain {
  const domain = ops.domainAlloc('BLOCKED') ?? ops.domainAlloc('UNMANAGED');
  if (domain !== null) return domain;
  throw new KernelError(
    'EINVAL',
    '__iommu_group_alloc_blocking_domain',
    `${ops.name} makes no domain that could block group ${group.number}.`,
  );
}

/** Linux: __iommu_group_set_domain(). */
function setDomain(group: IommuGroup, domain: Domain): void {
  if (group.domain === domain) return;
  for (const member of group.members) domain.ops.attachDev(domain, member, []);
  group.domain = domain;
}
