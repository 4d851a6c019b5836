import { KernelError } from '../errno.js';
import { type Attachment, type Domain, type Endpoint, IommuGroup } from '../objects.js';
import type { KernelState } from '../state.js';

/** What an attach did. */
export interface AttachOutcome {
  readonly attachments: readonly Attachment[];
  /** Harm the kernel does without an error. */
  readonly warnings: readonly string[];
}

/**
 * Attaches a domain to a group, or to a device that is alone in its group.
 *
 * Only a group with a default domain is protected against a second attach. When a member fails, members
 * before it stay attached. That domain and device belong to the same driver is not checked.
 * Linux: iommu_attach_group(), iommu_attach_device().
 */
export function attach(_state: KernelState, domain: Domain, target: Endpoint | IommuGroup): AttachOutcome {
  const group = target instanceof IommuGroup ? target : groupOfOne(target, 'iommu_attach_device');
  const isFree =
    group.domain === group.defaultDomain || (group.owned && group.domain === group.blockingDomain);
  if (group.defaultDomain !== null && !isFree) throw taken(group);
  const before = new Set(domain.attachments);
  const warnings: string[] = [];
  for (const member of group.members) domain.ops.attachDev(domain, member, warnings);
  group.domain = domain;
  return { attachments: domain.attachments.filter((each) => !before.has(each)), warnings };
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
