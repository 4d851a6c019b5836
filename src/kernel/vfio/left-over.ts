import { isAuxDomain, requireAuxiliary } from '../intel/aux.js';
import type { Attachment } from '../iommu/attachment.js';
import { detachesAux } from '../iommu/attach-to-parent.js';
import type { Endpoint } from '../iommu/endpoint.js';
import type { IommuGroup } from '../iommu/iommu-group.js';
import { requireNobodyLeft } from '../iommu/left-behind.js';
import type { KernelState } from '../state.js';
import type { VfioDomain } from './objects.js';

/**
 * Refuses to take a domain of a container off its groups while somebody else was given it too, because it is
 * freed with the last of them. Linux: vfio_iommu_type1_detach_group().
 */
export function requireNothingLeft(state: KernelState, entry: VfioDomain): void {
  const { domain, groups } = entry;
  let left = domain.attachments.filter((each) => !each.leaked);
  for (const member of groups.flatMap(({ members }) => members)) {
    if (!left.some((each) => each.endpoint === member)) continue;
    if (member.kind === 'Subdevice' && detachesAux(state, member))
      requireAuxiliary(state, domain, member.parent);
    left = afterDetach(state, left, member);
  }
  const isLeaving = (group: IommuGroup) => groups.includes(group) || returns(state, group, groups);
  requireNobodyLeft(state, domain, left, isLeaving);
}

/** What taking a domain off a member leaves of the attachments it has. */
function afterDetach(state: KernelState, left: Attachment[], member: Endpoint): Attachment[] {
  if (member.kind === 'Device') return left.filter(({ device }) => device !== member);
  if (member.kind !== 'Subdevice') return left;
  const { parent } = member;
  if (state.model.attachesToParent === 'PASID') return left.filter(({ endpoint }) => endpoint !== member);
  if (detachesAux(state, member)) {
    const present = left.filter(({ kind, device }) => kind === 'AUX' && device === parent);
    const own = present.find(({ endpoint }) => endpoint === member) ?? present.at(0);
    return own !== undefined && isAuxDomain(own.domain, parent) ? left.filter((each) => each !== own) : left;
  }
  // The parent leaves its primary domain, and with that goes the table all the others are in.
  const stays =
    state.model.attachesToParent === 'AUX' && parent.group?.domain === parent.group?.defaultDomain;
  return stays ? left : left.filter(({ device }) => device !== parent);
}

/** A parent's group that goes back to its default domain because a subdevice's leaves. */
function returns(state: KernelState, group: IommuGroup, leaving: readonly IommuGroup[]): boolean {
  if (state.model.attachesToParent !== 'AUX') return false;
  return leaving
    .flatMap(({ members }) => members)
    .some(
      (member) => member.kind === 'Subdevice' && member.parent.group === group && !detachesAux(state, member),
    );
}
