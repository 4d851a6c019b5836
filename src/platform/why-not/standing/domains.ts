import { addOverflows, addU64, equalU64, isZero, pfnOf, u64, subU64, ZERO } from '../../../bits/u64.js';
import { isValidIova } from '../../../kernel/vfio/iova-ranges.js';
import { type StandingRule, found } from './standing.js';

/** Linux: iommu_domain_free(), which looks at nothing; the model refuses what would dangle. */
export const standingFreeDomain: StandingRule<'freeDomain'> = function* ({ kernel }, command) {
  const domain = kernel.domains.get(command.domain);
  if (domain === undefined) return;
  for (const group of kernel.groups.values()) {
    const subject = { kind: 'Group', number: group.number } as const;
    const roles = [
      group.defaultDomain === domain ? 'the default domain' : null,
      group.domain === domain && group.defaultDomain !== domain ? 'the current domain' : null,
      group.blockingDomain === domain ? 'what blocks user space’s devices' : null,
    ];
    for (const role of roles) {
      if (role === null) continue;
      yield found('DOMAIN_IN_USE', `Domain ${domain.number} is ${role} of group ${group.number}.`, subject);
    }
  }
  for (const { leaked, endpoint, device } of domain.attachments) {
    if (leaked || endpoint.group?.domain === domain) continue;
    const message = `Domain ${domain.number} is attached to ${device.name} for ${endpoint.name}.`;
    yield found('DOMAIN_IN_USE', message, device.subject);
  }
};

/** Linux: iommu_map(), intel_iommu_map(). */
export const standingMap: StandingRule<'map'> = function* ({ kernel }, command) {
  const domain = kernel.domains.get(command.domain);
  if (domain === undefined) return;
  const { iova, physical, size, read, write } = command;
  if (domain.type !== 'DMA' && domain.type !== 'UNMANAGED') {
    const message = `Domain ${domain.number} is of type ${domain.type}, which has no mappings.`;
    yield found('DOMAIN_TYPE', message, domain.subject);
  }
  const aligned = ((iova.lo | physical.lo | size.lo) & 0xfff) === 0;
  if (!aligned) yield found('INVALID_ARGUMENT', 'Addresses and size must be multiples of 4096.');
  if (aligned && isZero(size)) return;
  if (!read && !write) yield found('INVALID_ARGUMENT', 'A mapping must allow reading or writing.');
  const end = pfnOf(iova) + pfnOf(size);
  if (domain.highestMappedEnd < end && end > 2 ** (domain.addressWidth - 12)) {
    const message = `Domain ${domain.number} translates ${domain.addressWidth} bits of address.`;
    yield found('ADDRESS_WIDTH', message, domain.subject);
  }
};

/** Linux: vfio_dma_do_map(). */
export const standingVfioMap: StandingRule<'vfioMapDma'> = function* ({ kernel }, command) {
  const container = kernel.vfio.containers.get(command.container);
  // A new address for a mapping follows other rules; the kernel tells them.
  if (container === undefined || command.updateVaddr) return;
  const { iova, vaddr, size, read, write } = command;
  const { iommu, subject, number } = container;
  if (iommu === null) yield found('NO_IOMMU_SET', `Container ${number} has no IOMMU type set.`, subject);
  if (!read && !write) yield found('INVALID_ARGUMENT', 'A mapping must allow reading or writing.');
  if (isZero(size)) yield found('INVALID_ARGUMENT', 'A mapping must have a size.');
  if (((size.lo | iova.lo | vaddr.lo) & 0xfff) !== 0)
    yield found('INVALID_ARGUMENT', 'Addresses and size must be multiples of 4096.');
  const wraps = (start: typeof iova) => addOverflows(start, size) && !equalU64(addU64(start, size), ZERO);
  if (wraps(iova) || wraps(vaddr))
    yield found('INVALID_ARGUMENT', 'The range wraps around the end of addresses.');
  if (iommu === null || isZero(size)) return;
  if (iommu.dmas.firstIn(pfnOf(iova), pfnOf(size)) !== null)
    yield found('IOVA_MAPPED', 'Part of the range is mapped.', subject);
  if (iommu.available === 0)
    yield found('DMA_ENTRY_LIMIT', `Container ${number} has used all its mappings.`, subject);
  const last = subU64(addU64(iova, size), u64(0, 1));
  if (!isValidIova(iommu.iovaRanges, { start: iova, last }))
    yield found('IOVA_RANGE', 'The range is not within one of those the container allows.', subject);
};
