import { KernelError } from '../errno.js';
import type { Domain, DomainType, IommuGroup } from '../objects.js';
import type { KernelState } from '../state.js';
import { releaseDomain } from '../vfio/attach-group.js';
import { attachToDefault, giveDefaultDomain } from './default-domain.js';

const MIRRORS = 'iommu_group_store_type';

/**
 * Gives a group a default domain of another type, while no driver uses its one device. Flush queues belong
 * to the DMA API, which is not modelled, so DMA and DMA-FQ are one type here. What may not be changed says
 * so with the first of these that holds: an unknown word, several devices, a driver, a domain that is not
 * the default one, no default domain. Linux: iommu_group_store_type(), iommu_change_dev_def_domain().
 */
export function setGroupType(state: KernelState, group: IommuGroup, word: string): void {
  const refuse = (errno: 'EACCES' | 'EINVAL' | 'EBUSY', code: string, rule: string, remedy: string | null) =>
    new KernelError(errno, MIRRORS, rule, [
      { code, message: rule, subject: { kind: 'Group', number: group.number }, remedy },
    ]);
  const words = state.profile.groupTypeWords;
  if (words === null)
    throw refuse('EACCES', 'READ_ONLY', `The type of a group is read-only in ${state.profile.name}.`, null);
  if (!words.includes(word))
    throw refuse('EINVAL', 'GROUP_TYPE', `"${word}" is no type of a group.`, `Use ${words.join(', ')}.`);
  const [member] = group.members;
  if (group.members.length !== 1)
    throw refuse('EINVAL', 'GROUP_SHARED', `Group ${group.number} has several members.`, null);
  if (member.driver !== null) {
    const remedy = 'Unbind the driver first.';
    throw refuse('EBUSY', 'DRIVER_BOUND', `${member.name} is bound to ${member.driver}.`, remedy);
  }
  const { defaultDomain } = group;
  if (group.domain !== defaultDomain)
    throw refuse('EBUSY', 'GROUP_BUSY', `Group ${group.number} is not on its default domain.`, 'Detach it.');
  if (defaultDomain === null)
    throw refuse('EINVAL', 'NO_DEFAULT_DOMAIN', `Group ${group.number} has no default domain.`, null);
  const demanded = defaultDomain.ops.defDomainType?.(member) ?? null;
  const type = typeOf(word, demanded ?? (state.parameters.passthrough ? 'IDENTITY' : 'DMA'));
  if (demanded !== null && demanded !== type)
    throw refuse('EINVAL', 'GROUP_TYPE', `${member.name} demands the type ${demanded}.`, null);
  if (type !== defaultDomain.type) replace(state, group, defaultDomain, type);
}

function typeOf(word: string, automatic: DomainType): DomainType {
  if (word === 'auto') return automatic;
  return word === 'identity' ? 'IDENTITY' : 'DMA';
}

function replace(state: KernelState, group: IommuGroup, old: Domain, type: DomainType): void {
  group.defaultDomain = group.domain = null;
  try {
    if (!giveDefaultDomain(state, old.ops, group, type))
      throw new KernelError('EINVAL', MIRRORS, `${old.ops.name} makes no ${type} domains.`);
    for (const member of group.members) attachToDefault(group, member);
  } catch (error) {
    group.defaultDomain = group.domain = old;
    throw error;
  }
  if (old !== state.identityDomain) releaseDomain(state, old);
}
