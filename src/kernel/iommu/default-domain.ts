import { pfnOf, u64FromPfn } from '../../bits/u64.js';
import { SECOND_STAGE } from '../../layout/second-stage.js';
import { FIRST_STAGE } from '../../layout/first-stage.js';
import type { Domain, DomainType } from './domain.js';
import type { Endpoint } from './endpoint.js';
import type { IommuGroup } from './iommu-group.js';
import type { IommuOps } from './iommu-ops.js';
import { flushDomain } from '../intel/flush-domain.js';
import { notifyUnits, unitsOf } from '../intel/map.js';
import type { KernelState } from '../state.js';

/** Numbers the kernel prints for domain types. */
const TYPE_NUMBER = { BLOCKED: 0, UNMANAGED: 1, DMA: 3, IDENTITY: 4, SVA: 5, DMA_FQ: 11 } as const;

/**
 * Gives a group the domain for in-kernel DMA: of the type a member demands, or the global default; a type
 * the driver cannot make falls back to DMA. False when there is none, as for every subdevice group.
 * Linux: probe_alloc_default_domain(), iommu_group_alloc_default_domain().
 */
export function giveDefaultDomain(
  state: KernelState,
  ops: IommuOps,
  group: IommuGroup,
  type: DomainType | null = null,
): boolean {
  const wanted = type ?? demandedType(ops, group) ?? defaultType(state);
  let domain = ops.domainAlloc(wanted);
  if (domain === null && wanted !== 'DMA') {
    domain = ops.domainAlloc('DMA');
    if (domain !== null) {
      state.log.print(
        `iommu: Failed to allocate default IOMMU domain of type ${TYPE_NUMBER[wanted]} for group ${group.number} - Falling back to IOMMU_DOMAIN_DMA`,
      );
    }
  }
  if (domain === null) return false;
  group.defaultDomain = domain;
  group.domain ??= domain;
  return true;
}

/** Linux: iommu_def_domain_type, as iommu_subsys_init() settles it. */
export function defaultType(state: KernelState): DomainType {
  if (state.parameters.passthrough) return 'IDENTITY';
  return state.lazy && state.profile.hasFlushQueueType ? 'DMA_FQ' : 'DMA';
}

/** Linux: __iommu_attach_device() on the group's default domain. */
export function attachToDefault(group: IommuGroup, endpoint: Endpoint): void {
  const domain = group.defaultDomain!;
  domain.ops.attachDev(domain, endpoint, []);
}

function demandedType(ops: IommuOps, group: IommuGroup) {
  for (const member of group.members) {
    const type = ops.defDomainType?.(member) ?? null;
    if (type !== null) return type;
  }
  return null;
}

/**
 * 1 GiB, several times what graphics take. The kernel has no such limit: over a table with a bit too many in
 * an end address it would map until its memory is gone, and never come up.
 */
export const MOST_RESERVED_PAGES = 2 ** 18;

/**
 * Maps memory firmware reserves for a device one to one in its group's default domain, so that what firmware
 * started goes on; pages mapped already are passed over. Older kernels do it a page at a time, so in small
 * pages whatever the length; the others in runs, but at boot before the domain knows any large page. One
 * event for each run instead of one for each page. What a domain in use was to cache of the range is
 * flushed. A region that is too long to be meant is left out; it is a finding.
 * Linux: iommu_create_device_direct_mappings().
 */
export function mapReservedMemory(state: KernelState, group: IommuGroup, endpoint: Endpoint): void {
  const domain = group.defaultDomain;
  if (domain === null || !domain.isForDmaApi) return;
  const flags = domain.firstLevel
    ? FIRST_STAGE.PRESENT | FIRST_STAGE.WRITE | FIRST_STAGE.USER
    : SECOND_STAGE.READ | SECOND_STAGE.WRITE;
  for (const region of domain.ops.getResvRegions(endpoint)) {
    if (region.type !== 'DIRECT' && region.type !== 'DIRECT_RELAXABLE') continue;
    const start = pfnOf(region.start);
    const end = pfnOf(region.last) + 1;
    if (end - start > MOST_RESERVED_PAGES) continue;
    for (let pfn = start; pfn < end;) {
      if (domain.table.translate(pfn) > 0) {
        pfn++;
        continue;
      }
      let stop = pfn + 1;
      while (stop < end && domain.table.translate(stop) <= 0) stop++;
      mapRun(state, domain, pfn, stop - pfn, flags);
      pfn = stop;
    }
  }
  if (state.profile.flushesDirectMappings)
    for (const unit of unitsOf(domain)) flushDomain(state.profile, unit, domain);
}

function mapRun(state: KernelState, domain: Domain, pfn: number, pages: number, flags: number): void {
  const report = { written: [0, 0, 0, 0] as [number, number, number, number], conflicts: [], pages: 0 };
  const levels = state.profile.mapsReservedMemoryInRuns ? domain.superpageLevels : 0;
  if (!domain.table.map(pfn, pfn, pages, flags, levels, report)) return;
  notifyUnits(state, domain, { pfn, pages });
  domain.highestMappedEnd = Math.max(domain.highestMappedEnd, pfn + pages);
  state.emit({
    type: 'MAPPING',
    mapped: true,
    domain: domain.number,
    iova: u64FromPfn(pfn),
    physical: u64FromPfn(pfn),
    size: u64FromPfn(pages),
    read: true,
    write: true,
  });
}
