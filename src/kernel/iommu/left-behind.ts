import type { KernelDevice } from '../device/kernel-device.js';
import type { KernelState } from '../state.js';
import { unsafe } from '../unsafe.js';
import type { Attachment } from './attachment.js';
import type { Domain } from './domain.js';
import type { IommuGroup } from './iommu-group.js';

/**
 * Refuses what would free a domain that somebody else was given too. The kernel frees it all the same: it looks
 * for primary attachments only, and leaves entries that lead into freed tables, ids that stay taken, and groups
 * that point to it. Linux: iommu_domain_free(), domain_exit().
 *
 * @param left attachments that would still be there
 * @param isLeaving groups that would not be on it any more
 */
export function requireNobodyLeft(
  state: KernelState,
  domain: Domain,
  left: readonly Attachment[],
  isLeaving: (group: IommuGroup) => boolean,
): void {
  if (domain === state.identityDomain) return;
  const refuse = (harm: string, remedy: string) =>
    unsafe('iommu_domain_free', `domain ${domain.number} would be freed while ${harm}.`, remedy);
  const first = left.at(0);
  if (first !== undefined) {
    const { device, endpoint, kind } = first;
    // A detach would go for the primary domain.
    const isOff = kind === 'AUX' && !device.info?.auxEnabled;
    throw refuse(
      `${device.name} translates through it for ${endpoint.name}`,
      isOff
        ? `Enable the AUX feature of ${device.name} first.`
        : `Detach domain ${domain.number} from ${endpoint.name} first.`,
    );
  }
  const group = [...state.groups.values()].find((each) => each.domain === domain && !isLeaving(each));
  if (group === undefined) return;
  throw refuse(
    `group ${group.number} is on it`,
    `Detach domain ${domain.number} from group ${group.number} first.`,
  );
}

/**
 * Refuses to forget devices whose groups go with them while devices of other groups use the default domain that
 * goes too. Linux: iommu_group_release().
 */
export function requireDefaultsUnshared(state: KernelState, leaving: readonly KernelDevice[]): void {
  for (const group of new Set(leaving.map((device) => device.group))) {
    if (group === null || !group.members.every((member) => leaving.some((device) => device === member)))
      continue;
    for (const domain of [group.defaultDomain, group.blockingDomain])
      if (domain !== null)
        requireNobodyLeft(state, domain, usersOutside(domain, group), (each) => each === group);
  }
}

function usersOutside(domain: Domain, group: IommuGroup): Attachment[] {
  return domain.attachments.filter(({ leaked, device }) => !leaked && device.group !== group);
}
