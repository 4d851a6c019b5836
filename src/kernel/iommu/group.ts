import { KernelError } from '../errno.js';
import type { Endpoint } from './endpoint.js';
import { type GroupReason, IommuGroup } from './iommu-group.js';
import type { KernelState } from '../state.js';
import { wholly } from '../steps.js';

/** A new group under the lowest free number. Linux: iommu_group_alloc(). */
export function newGroup(state: KernelState): IommuGroup {
  let number = 0;
  while (state.groups.has(number)) number++;
  const group = new IommuGroup(number);
  state.groups.set(number, group);
  state.changed('GROUP_CREATED', { kind: 'Group', number });
  return group;
}

/**
 * Takes an endpoint into a group. Where the group is attached to a domain the newcomer is attached too, and
 * a domain that will not have it keeps it out. Linux: iommu_group_add_device().
 */
export function joinGroup(
  state: KernelState,
  group: IommuGroup,
  endpoint: Endpoint,
  reasons: readonly GroupReason[],
): void {
  group.members.push(endpoint);
  endpoint.group = group;
  try {
    group.domain?.ops.attachDev(group.domain, endpoint, []);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    group.members.pop();
    endpoint.group = null;
    state.log.printFor(endpoint, `Failed to add to iommu group ${group.number}: -${error.number}`);
    throw error;
  }
  group.reasons.push(...reasons);
  state.log.printFor(endpoint, `Adding to iommu group ${group.number}`);
  state.changed('JOINED_GROUP', endpoint.subject);
}

/** Takes a device out; a group without members goes, and its default domain with it. Linux: iommu_group_remove_device(). */
export function leaveGroup(state: KernelState, endpoint: Endpoint): void {
  const group = endpoint.group;
  if (group === null) return;
  state.log.printFor(endpoint, `Removing from iommu group ${group.number}`);
  group.members.splice(group.members.indexOf(endpoint), 1);
  const isAbout = (reason: GroupReason) => endpoint.kind === 'Device' && reason.device === endpoint;
  group.reasons.splice(0, group.reasons.length, ...group.reasons.filter((reason) => !isAbout(reason)));
  endpoint.group = null;
  state.changed('LEFT_GROUP', endpoint.subject);
  if (group.members.length === 0) dropEmptyGroup(state, group);
}

/** A group nobody is in goes, with the domains that were its own. Linux: iommu_group_release(). */
export function dropEmptyGroup(state: KernelState, group: IommuGroup): void {
  state.groups.delete(group.number);
  for (const domain of [group.defaultDomain, group.blockingDomain]) {
    if (domain === null || domain === state.identityDomain) continue;
    wholly(domain.ops.domainFree(domain));
    state.domains.delete(domain.number);
    state.changed('DOMAIN_FREED', domain.subject);
  }
  state.changed('GROUP_REMOVED', { kind: 'Group', number: group.number });
}
