import { KernelError } from '../errno.js';
import type { RateLimit } from '../log/rate-limit.js';
import type { Domain, DomainType } from './domain.js';
import type { Endpoint } from './endpoint.js';
import type { IommuGroup } from './iommu-group.js';
import { requireNobodyLeft } from './left-behind.js';
import type { KernelState } from '../state.js';
import { wholly } from '../steps.js';
import { releaseDomain } from '../vfio/attach-group.js';
import { attachToDefault, defaultType, giveDefaultDomain, mapReservedMemory } from './default-domain.js';

const MIRRORS = 'iommu_group_store_type';

const WORDS = {
  ...{ DMA: 'DMA', DMA_FQ: 'DMA-FQ', IDENTITY: 'identity', UNMANAGED: 'unmanaged', BLOCKED: 'blocked' },
  SVA: 'unknown',
} as const satisfies Record<DomainType, string>;

/** What the `type` file of a group shows: the type of its default domain. Linux: iommu_group_show_type(). */
export function groupTypeWord(group: IommuGroup): string {
  return group.defaultDomain === null ? 'unknown' : WORDS[group.defaultDomain.type];
}

/**
 * Gives a group a default domain of another type, while no driver uses its one device; a flush queue can be
 * added to the domain it has at any time. What may not be changed says so with the first of these that
 * holds: an unknown word, several devices, a driver, a domain that is not the default one, no default
 * domain, which later kernels look at first. Linux: iommu_group_store_type(), iommu_change_dev_def_domain().
 */
export function setGroupType(state: KernelState, group: IommuGroup, word: string): void {
  const refuse = (errno: 'EACCES' | 'EINVAL' | 'EBUSY', code: string, rule: string, remedy: string | null) =>
    new KernelError(errno, MIRRORS, rule, [
      { code, message: rule, subject: { kind: 'Group', number: group.number }, remedy },
    ]);
  const words = state.profile.groupTypeWords;
  const homeless = () =>
    refuse('EINVAL', 'NO_DEFAULT_DOMAIN', `Group ${group.number} has no default domain.`, null);
  if (words === null)
    throw refuse('EACCES', 'READ_ONLY', `The type of a group is read-only in ${state.profile.name}.`, null);
  if (state.profile.groupTypeNeedsDefaultDomain && group.defaultDomain === null) throw homeless();
  if (!words.includes(word))
    throw refuse('EINVAL', 'GROUP_TYPE', `"${word}" is no type of a group.`, `Use ${words.join(', ')}.`);
  const [member] = group.members;
  const { defaultDomain } = group;
  if (group.members.length !== 1) {
    printLimited(state, state.typeWriteLimits.severalDevices, SEVERAL_DEVICES);
    throw refuse('EINVAL', 'GROUP_SHARED', `Group ${group.number} has several members.`, null);
  }
  if (member.driver !== null && !(word === 'DMA-FQ' && defaultDomain?.type === 'DMA')) {
    printLimited(state, state.typeWriteLimits.stillBound, STILL_BOUND);
    const remedy = 'Unbind the driver first.';
    throw refuse('EBUSY', 'DRIVER_BOUND', `${member.name} is bound to ${member.driver}.`, remedy);
  }
  if (group.domain !== defaultDomain) {
    printLimited(state, state.typeWriteLimits.otherDomain, OTHER_DOMAIN, member);
    throw refuse('EBUSY', 'GROUP_BUSY', `Group ${group.number} is not on its default domain.`, 'Detach it.');
  }
  if (defaultDomain === null) throw homeless();
  const demanded = defaultDomain.ops.defDomainType?.(member) ?? null;
  const type = typeOf(word, demanded ?? defaultType(state));
  if (demanded !== null && demanded !== type)
    throw refuse('EINVAL', 'GROUP_TYPE', `${member.name} demands the type ${demanded}.`, null);
  if (type === defaultDomain.type) return;
  if (type === 'DMA_FQ' && defaultDomain.type === 'DMA') defaultDomain.type = 'DMA_FQ';
  else {
    const left = defaultDomain.attachments.filter(
      ({ leaked, kind, device }) => !leaked && !(kind === 'PRIMARY' && device === member),
    );
    requireNobodyLeft(state, defaultDomain, left, (each) => each === group);
    replace(state, group, defaultDomain, type);
  }
}

const SEVERAL_DEVICES = 'iommu: Cannot change default domain: Group has more than one device';
const STILL_BOUND = 'iommu: Device is still bound to driver';
const OTHER_DOMAIN = 'Group not assigned to default domain';

/** Linux: pr_err_ratelimited(), dev_err_ratelimited(). */
function printLimited(
  state: KernelState,
  limit: RateLimit,
  text: string,
  about: Endpoint | null = null,
): void {
  if (!limit.allows(state.now, (line) => state.log.print(line))) return;
  if (about === null) state.log.print(text);
  else state.log.printFor(about, text);
}

function typeOf(word: string, automatic: DomainType): DomainType {
  if (word === 'auto') return automatic;
  if (word === 'DMA-FQ') return 'DMA_FQ';
  return word === 'identity' ? 'IDENTITY' : 'DMA';
}

function replace(state: KernelState, group: IommuGroup, old: Domain, type: DomainType): void {
  group.defaultDomain = group.domain = null;
  try {
    if (!giveDefaultDomain(state, old.ops, group, type))
      throw new KernelError('ENOMEM', MIRRORS, `There is no memory for another domain of ${type}.`);
    for (const member of group.members) mapReservedMemory(state, group, member);
    for (const member of group.members) attachToDefault(group, member);
  } catch (error) {
    group.defaultDomain = group.domain = old;
    throw error;
  }
  if (old !== state.identityDomain) wholly(releaseDomain(state, old));
}
