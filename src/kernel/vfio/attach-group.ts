import { equalU64, u64FromPfn } from '../../bits/u64.js';
import { KernelError } from '../errno.js';
import { attach } from '../iommu/attach.js';
import { detach } from '../iommu/detach.js';
import { map } from '../iommu/map.js';
import { groupReservedRegions } from '../iommu/reserved.js';
import { unmap } from '../iommu/unmap.js';
import type { Domain } from '../iommu/domain.js';
import type { Endpoint } from '../iommu/endpoint.js';
import type { IommuGroup } from '../iommu/iommu-group.js';
import type { IommuOps } from '../iommu/iommu-ops.js';
import type { KernelState } from '../state.js';
import { noTableMemory } from '../table-memory.js';
import { apertureConflicts, reservedConflict, withinAperture, withoutReserved } from './iova-ranges.js';
import type { IovaRange, Type1, VfioContainer, VfioDomain } from './objects.js';
import { replay } from './pin-map.js';
import { type Steps, wholly } from '../steps.js';
import { missingAddress } from './update-vaddr.js';
import { refusal } from '../refusal.js';

const MIRRORS = 'vfio_iommu_type1_attach_group';

/**
 * Brings a group under a container's address space. A group on a bus without operations is left to its
 * driver. Any other is attached to a domain of its own first, because only then its limits are known; after
 * all checks it moves to a domain the container has, if one will do. A refusal after the attach leaves the
 * group detached, which for a subdevice attached as its parent's primary domain is not what was before.
 * Linux: vfio_iommu_type1_attach_group().
 */
export function* attachGroup(
  state: KernelState,
  container: VfioContainer,
  iommu: Type1,
  group: IommuGroup,
): Steps<void> {
  const waiting = iommu.dmas.all().find(({ vaddrValid }) => !vaddrValid);
  if (state.profile.updatesVaddrOnlyOfDomains && waiting !== undefined)
    throw missingAddress(container, waiting, 'EBUSY', MIRRORS);
  const ops = opsOf(state, group.members[0]);
  if (ops === null) {
    iommu.external = [group, ...(iommu.external ?? [])];
    return;
  }
  const domain = ops.domainAlloc('UNMANAGED');
  if (domain === null) {
    if (ops.domainTypes.includes('UNMANAGED')) throw noTableMemory(state, 'EIO', MIRRORS, 'a domain');
    throw refusal('EIO', MIRRORS, `${ops.name} makes no domain for user space.`, { code: 'DOMAIN_TYPE' });
  }
  try {
    if (iommu.nesting) throw nestingRefusal(state, ops);
    attach(state, domain, group);
    try {
      yield* settle(state, container, iommu, group, domain, ops);
    } catch (error) {
      if (error instanceof KernelError) detachGroup(state, domain, group);
      throw error;
    }
  } catch (error) {
    if (error instanceof KernelError) yield* releaseDomain(state, domain);
    throw error;
  }
}

/** All that follows the first attach. */
function* settle(
  state: KernelState,
  container: VfioContainer,
  iommu: Type1,
  group: IommuGroup,
  domain: Domain,
  ops: IommuOps,
): Steps<void> {
  const ranges = rangesWith(container, iommu, group, domain);
  if (!state.vfio.parameters.allowUnsafeInterrupts && state.interruptRemapping.mode === null) {
    throw interruptRefusal(state);
  }
  const cache = state.profile.enforcesSnoopPerDomain
    ? domain.snoopControl
    : state.activeUnits.every((unit) => unit.capabilities.SC);
  for (const other of iommu.domains) {
    if (other.ops !== ops || other.cache !== cache) continue;
    detachGroup(state, domain, group);
    if (canAttach(state, other.domain, group)) {
      other.groups.unshift(group);
      yield* releaseDomain(state, domain);
      iommu.iovaRanges = ranges;
      return;
    }
    attach(state, domain, group);
  }
  testFineGrained(state, domain);
  const added: VfioDomain = { domain, ops, cache, groups: [group] };
  yield* replay(state, container, iommu, added);
  iommu.domains.unshift(added);
  iommu.iovaRanges = ranges;
}

/** What may be mapped once the group is in. */
function rangesWith(
  container: VfioContainer,
  iommu: Type1,
  group: IommuGroup,
  domain: Domain,
): readonly IovaRange[] {
  const aperture = apertureOf(domain);
  const invalid = (rule: string, code: string) =>
    refusal('EINVAL', MIRRORS, rule, {
      code,
      subject: container.subject,
      remedy: 'Unmap what is there first.',
    });
  if (apertureConflicts(iommu.iovaRanges, iommu.dmas, aperture)) {
    throw invalid(
      `Group ${group.number} cannot reach all that container ${container.number} has mapped.`,
      'APERTURE',
    );
  }
  const regions = groupReservedRegions(group);
  const conflict = reservedConflict(regions, iommu.dmas);
  if (conflict !== null) {
    throw invalid(
      `A mapping of container ${container.number} lies in a region of type ${conflict.type} of group ${group.number}.`,
      'RESERVED_REGION',
    );
  }
  const ranges = withoutReserved(withinAperture(iommu.iovaRanges, aperture), regions);
  if (ranges.length === 0)
    throw invalid(`Nothing could be mapped for group ${group.number}.`, 'NO_IOVA_RANGE');
  return ranges;
}

export function apertureOf(domain: Domain): IovaRange {
  return { start: domain.apertureStart, last: domain.apertureLast };
}

/**
 * The operations a group's domain is allocated from; null for software mdevs. Where domains are attached
 * to parents in a subdevice's place, they are the parent's. Linux: vfio_bus_type(), vfio_mdev_iommu_device().
 */
export function opsOf(state: KernelState, member: Endpoint | undefined): IommuOps | null {
  if (member?.kind === 'Subdevice' && state.model.attachesToParent !== 'NEVER') {
    return member.parent.unit === null ? null : member.parent.iommuOps;
  }
  return member?.iommuOps ?? null;
}

/** Takes a domain off a group, as far as it is on it: the kernel does not look. */
export function detachGroup(state: KernelState, domain: Domain, group: IommuGroup): void {
  const isOn =
    group.domain === domain ||
    domain.attachments.some((each) => !each.leaked && group.members.includes(each.endpoint));
  if (isOn) detach(state, domain, group);
}

/**
 * Frees a domain whoever still uses it loses. A group that could not leave it is on none that can be named, and
 * refuses every other: the kernel keeps the pointer. Linux: iommu_domain_free(), __iommu_detach_group().
 */
export function* releaseDomain(state: KernelState, domain: Domain): Steps<void> {
  yield* domain.ops.domainFree(domain);
  for (const group of state.groups.values()) if (group.domain === domain) group.domain = null;
  state.domains.delete(domain.number);
  state.changed('DOMAIN_FREED', domain.subject);
}

function canAttach(state: KernelState, domain: Domain, group: IommuGroup): boolean {
  try {
    attach(state, domain, group);
    return true;
  } catch (error) {
    // A model's refusal to imitate memory corruption is not an answer of the kernel's.
    if (error instanceof KernelError && !error.blockers.some(({ code }) => code === 'UNSAFE')) return false;
    throw error;
  }
}

/**
 * Maps two pages and unmaps the first: whether more than it goes decides how later unmapping is cut. With
 * these units it never does. Linux: vfio_test_domain_fgsp().
 */
function testFineGrained(state: KernelState, domain: Domain): void {
  const frame = state.frames.allocateRun(2);
  if (frame === null) return;
  const page = { size: u64FromPfn(1) };
  const both = { iova: u64FromPfn(0), physical: u64FromPfn(frame), size: u64FromPfn(2) };
  wholly(map(state, domain, { ...both, read: true, write: true }));
  const unmapped = wholly(unmap(state, domain, { iova: u64FromPfn(0), ...page }));
  if (equalU64(unmapped, page.size)) wholly(unmap(state, domain, { iova: u64FromPfn(1), ...page }));
  state.frames.releaseRun(frame, 2);
}

/** Nested translation is not modelled, so no Intel unit has it. Linux: intel_iommu_domain_set_attr(). */
function nestingRefusal(state: KernelState, ops: IommuOps): KernelError {
  const hasOperation = ops.name === 'intel_iommu_ops' && !state.profile.claimsDmaOwnership;
  return hasOperation
    ? refusal('ENODEV', 'intel_iommu_domain_set_attr', 'No unit does nested translation.', {
        code: 'NESTING',
      })
    : refusal('EINVAL', 'iommu_domain_set_attr', `${ops.name} sets no attributes of domains.`, {
        code: 'NESTING',
      });
}

function interruptRefusal(state: KernelState): KernelError {
  state.log.print(
    'vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module param "allow_unsafe_interrupts" to enable VFIO IOMMU support on this platform',
  );
  const rule = `Interrupts are not remapped, so a device given away could send any message. ${state.interruptRemapping.reason}`;
  return refusal('EPERM', MIRRORS, rule, {
    code: 'NO_INTERRUPT_REMAPPING',
    remedy: 'Boot with vfio_iommu_type1.allow_unsafe_interrupts=1 to accept that.',
  });
}
