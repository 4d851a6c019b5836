import type { Blocker } from '../../../kernel/errno.js';
import { isRmrrLocked } from '../../../kernel/intel/rmrr.js';
import type { Domain } from '../../../kernel/iommu/domain.js';
import type { Endpoint } from '../../../kernel/iommu/endpoint.js';
import type { IommuGroup } from '../../../kernel/iommu/iommu-group.js';
import type { KernelDevice } from '../../../kernel/device/kernel-device.js';
import { subdeviceModelOf } from '../../../kernel/profile/subdevice-model.js';
import type { Platform } from '../../platform.js';
import { endpointsNamed, groupNamed } from '../named.js';
import { type StandingRule, found } from './standing.js';

export const standingAttach: StandingRule<'attach'> = function* (platform, command) {
  const domain = platform.kernel.domains.get(command.domain);
  const [first] = endpointsNamed(platform, command);
  const group = groupNamed(platform, command);
  if (domain === undefined || first === undefined || isBehindParent(platform, first)) return;
  if (command.target.kind !== 'Group' && group !== null) {
    for (const other of group.members) {
      if (other === first) continue;
      const message = `${other.name} cannot be isolated from ${first.name}.`;
      yield found('GROUP_SHARED', message, other.subject);
    }
  }
  if (group === null) {
    yield found('NO_GROUP', `${first.name} has no group.`, first.subject);
    return;
  }
  yield* busyGroup(group);
  for (const member of group.members) {
    if (domain.ops === member.iommuOps) yield* memberObstacles(platform, member, domain);
  }
};

/** What keeps a domain of the user's off a group, as far as its members go. */
export function* groupObstacles(platform: Platform, group: IommuGroup): Generator<Blocker> {
  for (const member of group.members) {
    if (isBehindParent(platform, member) || member.iommuOps === null) continue;
    yield* memberObstacles(platform, member, null);
  }
}

/** Only a group with a default domain keeps a second user off. Linux: __iommu_attach_group(). */
export function* busyGroup(group: IommuGroup): Generator<Blocker> {
  const { domain, defaultDomain, owned, blockingDomain, number } = group;
  if (defaultDomain === null || domain === defaultDomain || (owned && domain === blockingDomain)) return;
  const message = `Group ${number} is attached to domain ${domain?.number ?? 'none'}, not to its default domain.`;
  yield found('GROUP_BUSY', message, domain?.subject ?? null);
}

/** Where domains are attached to parents in a subdevice's place, other rules hold; the kernel tells them. */
function isBehindParent({ kernel }: Platform, endpoint: Endpoint): boolean {
  return (
    endpoint.kind === 'Subdevice' &&
    subdeviceModelOf(kernel.config.subdeviceModel).attachesToParent !== 'NEVER'
  );
}

/** @param domain null for an unmanaged one that is yet to be made */
function* memberObstacles(platform: Platform, member: Endpoint, domain: Domain | null): Generator<Blocker> {
  const isUnmanaged = domain === null || domain.type === 'UNMANAGED';
  if (member.kind === 'SoftwareSubdevice') return;
  const device = member.kind === 'Device' ? member : member.parent;
  if (device.unit === null) {
    yield found('NO_UNIT', `No remapping unit serves ${device.name}.`, device.subject);
    return;
  }
  if (domain !== null && domain.highestMappedEnd > 2 ** (device.unit.addressWidth - 12)) {
    const message = `Mappings of domain ${domain.number} end above ${device.unit.addressWidth} bits.`;
    yield found('ADDRESS_WIDTH', message, domain.subject);
  }
  if (!isUnmanaged) return;
  const usesAux = (device.info?.auxEnabled ?? false) && platform.kernel.scalableMode;
  if (member.kind === 'Device') {
    yield* primaryObstacles(platform, device, usesAux);
    return;
  }
  const isRequired = platform.kernel.config.auxRequirement === 'REQUIRED';
  const present = device.attachments.find(({ endpoint, leaked }) => endpoint === member && !leaked);
  if (isRequired && present !== undefined) {
    const message = `Subdevice ${member.uuid} is attached to domain ${present.domain.number}.`;
    yield found('SUBDEVICE_ATTACHED', message, present.domain.subject);
  }
  if (!usesAux) {
    if (isRequired) yield found('AUX_DISABLED', `The AUX feature of ${device.name} is off.`, device.subject);
    else yield* primaryObstacles(platform, device, false);
  }
}

/** Linux: intel_iommu_attach_device(). */
function* primaryObstacles(platform: Platform, device: KernelDevice, hasAux: boolean): Generator<Blocker> {
  const { dmar } = platform.header.description;
  if (dmar !== null && isRmrrLocked(dmar, platform.machine.topology, device.fn)) {
    const message = `${device.name} must keep reaching its reserved memory at its physical address.`;
    yield found('RMRR_LOCKED', message, device.subject);
  }
  if (hasAux) yield found('AUX_ENABLED', `The AUX feature of ${device.name} is on.`, device.subject);
}
