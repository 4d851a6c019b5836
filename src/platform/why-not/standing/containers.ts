import { pfnOf } from '../../../bits/u64.js';
import type { Blocker } from '../../../kernel/errno.js';
import type { IommuGroup } from '../../../kernel/iommu/iommu-group.js';
import { profileOf } from '../../../kernel/profile/profile.js';
import type { VfioContainer } from '../../../kernel/vfio/objects.js';
import { type1Parameters } from '../../../kernel/vfio/parameters.js';
import { groupBlockers, isVfioDevice } from '../../../kernel/vfio/viability.js';
import type { Platform } from '../../platform.js';
import { busyGroup, groupObstacles } from './attach.js';
import { type StandingRule, found } from './standing.js';

export const standingAddGroup: StandingRule<'addGroupToContainer'> = function* (platform, command) {
  const { kernel } = platform;
  const container = kernel.vfio.containers.get(command.container);
  const group = kernel.groups.get(command.group);
  if (container === undefined || group === undefined) return;
  const holder = kernel.vfio.containerOf(group);
  const subject = { kind: 'Group', number: group.number } as const;
  if (holder === container) {
    const message = `Group ${group.number} is in container ${container.number} already.`;
    yield found('IN_CONTAINER', message, container.subject);
    return;
  }
  if (holder !== null) {
    const message = `Group ${group.number} is open: it is in container ${holder.number}.`;
    yield found('GROUP_OPEN', message, holder.subject);
  }
  if (!group.members.some(isVfioDevice)) {
    const message = `Group ${group.number} has no file: no member is bound to a VFIO driver.`;
    yield found('NO_VFIO_DRIVER', message, subject);
  }
  const claims = profileOf(kernel.config.profile).claimsDmaOwnership;
  if (claims) yield* groupBlockers(group);
  // Out of the other container it is on its default domain again.
  if (holder === null && (claims || container.iommu !== null)) yield* busyGroup(group);
  if (container.iommu !== null) yield* intoAddressSpace(platform, container, group);
};

export const standingSetIommu: StandingRule<'setContainerIommu'> = function* (platform, command) {
  const container = platform.kernel.vfio.containers.get(command.container);
  if (container === undefined || container.iommu !== null) return;
  for (const group of container.groups) yield* intoAddressSpace(platform, container, group);
};

/** Linux: vfio_iommu_type1_attach_group(). */
function* intoAddressSpace(
  platform: Platform,
  container: VfioContainer,
  group: IommuGroup,
): Generator<Blocker> {
  const { kernel } = platform;
  if (group.members.every(({ iommuOps }) => iommuOps === null)) return;
  yield* groupObstacles(platform, group);
  const { allowUnsafeInterrupts } = type1Parameters(kernel.config.commandLine);
  if (kernel.interruptRemapping.mode === null && !allowUnsafeInterrupts) {
    const message = `Interrupts are not remapped, so a device given away could send any message. ${kernel.interruptRemapping.reason}`;
    yield found('NO_INTERRUPT_REMAPPING', message);
  }
  const dmas = container.iommu?.dmas.all() ?? [];
  for (const { type, start, last } of kernel.groupReservedRegions(group)) {
    const from = pfnOf(start);
    const isMapped = dmas.some(({ pfn, pages }) => pfn <= pfnOf(last) && pfn + pages > from);
    if (type === 'DIRECT_RELAXABLE' || !isMapped) continue;
    const message = `A mapping of container ${container.number} lies in a region of type ${type} of group ${group.number}.`;
    yield found('RESERVED_REGION', message, container.subject);
  }
}
