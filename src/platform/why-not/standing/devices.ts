import { profileOf } from '../../../kernel/profile/profile.js';
import { isHarmlessDriver } from '../../../kernel/vfio/viability.js';
import { type StandingRule, found } from './standing.js';

/** Linux: intel_iommu_enable_auxd(). */
export const standingEnableFeature: StandingRule<'enableFeature'> = function* ({ kernel }, command) {
  const device = kernel.devices.get(command.device);
  if (device === undefined || command.feature !== 'AUX' || device.iommuOps === null) return;
  const { unit, fn, name, subject, info } = device;
  if (unit === null) yield found('NO_UNIT', `No remapping unit serves ${name}.`, subject);
  else {
    const about = { kind: 'IommuUnit', name: unit.name } as const;
    if (!unit.scalableMode) yield found('NOT_SCALABLE', `${unit.name} does not run in scalable mode.`, about);
    if (!unit.capabilities.PASID)
      yield found('UNIT_WITHOUT_PASID', `${unit.name} cannot handle PASIDs.`, about);
  }
  if ((fn.physicalFunction ?? fn).pasid === null)
    yield found('NO_PASID_CAPABILITY', `${name} has no PASID capability.`, subject);
  if (info === null) yield found('NO_PRIMARY_DOMAIN', `${name} has no primary domain.`, subject);
};

/** Linux: bind_store(). */
export const standingBindDriver: StandingRule<'bindDriver'> = function* ({ kernel }, { device, driver }) {
  const target = kernel.devices.get(device);
  if (target === undefined) return;
  if (target.driver !== null)
    yield found('DRIVER_BOUND', `${device} is bound to ${target.driver}.`, target.subject);
  const container = target.group === null ? null : kernel.vfio.containerOf(target.group);
  if (container === null || isHarmlessDriver(driver) || target.fn.isBridge) return;
  const message = `${device} is in group ${target.group!.number}, which container ${container.number} has.`;
  // Older kernels do not refuse it: they stop.
  if (profileOf(kernel.config.profile).claimsDmaOwnership)
    yield found('GROUP_IN_CONTAINER', message, container.subject);
  else yield found('UNSAFE', message);
};

/** Linux: iommu_group_store_type(). */
export const standingGroupType: StandingRule<'setGroupType'> = function* ({ kernel }, command) {
  const group = kernel.groups.get(command.group);
  if (group === undefined) return;
  const subject = { kind: 'Group', number: group.number } as const;
  const profile = profileOf(kernel.config.profile);
  if (profile.groupTypeWords === null) {
    yield found('READ_ONLY', `The type of a group is read-only in ${profile.name}.`, subject);
    return;
  }
  if (!profile.groupTypeWords.includes(command.word))
    yield found('GROUP_TYPE', `"${command.word}" is no type of a group.`, subject);
  if (group.members.length !== 1)
    yield found('GROUP_SHARED', `Group ${group.number} has several members.`, subject);
  for (const { name, driver } of group.members)
    if (driver !== null) yield found('DRIVER_BOUND', `${name} is bound to ${driver}.`, subject);
  if (group.domain !== group.defaultDomain)
    yield found('GROUP_BUSY', `Group ${group.number} is not on its default domain.`, subject);
  if (group.defaultDomain === null)
    yield found('NO_DEFAULT_DOMAIN', `Group ${group.number} has no default domain.`, subject);
};
