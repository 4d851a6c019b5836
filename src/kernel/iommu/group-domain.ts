import { KernelError } from '../errno.js';
import type { Domain } from './domain.js';
import type { Endpoint } from './endpoint.js';
import type { IommuGroup } from './iommu-group.js';

/** A group that has a default domain gets another only while it is on that one, or on none of its user's. */
export function requireDefaultDomain(group: IommuGroup): void {
  const isFree =
    group.domain === group.defaultDomain || (group.owned && group.domain === group.blockingDomain);
  if (group.defaultDomain !== null && !isFree) throw taken(group);
}

/** The group of a device that is alone in it. */
export function groupOfOne(endpoint: Endpoint, mirrors: string): IommuGroup {
  const { group } = endpoint;
  if (group === null) {
    throw new KernelError('ENODEV', mirrors, `${endpoint.name} has no group: no IOMMU serves it.`, [
      {
        code: 'NO_GROUP',
        message: `${endpoint.name} has no group.`,
        subject: endpoint.subject,
        remedy: null,
      },
    ]);
  }
  if (group.members.length === 1) return group;
  const others = group.members.filter((member) => member !== endpoint);
  throw new KernelError(
    'EINVAL',
    mirrors,
    `${endpoint.name} shares group ${group.number} with ${others.map((member) => member.name).join(', ')}.`,
    others.map((member) => ({
      code: 'GROUP_SHARED',
      message: `${member.name} cannot be isolated from ${endpoint.name}.`,
      subject: member.subject,
      remedy: `Attach group ${group.number} as a whole.`,
    })),
  );
}

function taken(group: IommuGroup): KernelError {
  const rule = `Group ${group.number} is attached to domain ${group.domain?.number ?? 'none'}, not to its default domain.`;
  return new KernelError('EBUSY', 'iommu_attach_group', rule, [
    {
      code: 'GROUP_BUSY',
      message: rule,
      subject: group.domain?.subject ?? null,
      remedy: `Detach domain ${group.domain?.number ?? 'none'} from group ${group.number} first.`,
    },
  ]);
}

/**
 * Sends a group back to its default domain, or takes the domain off it where it has none.
 * Linux: __iommu_detach_group().
 */
export function returnToDefault(group: IommuGroup, domain: Domain): void {
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
