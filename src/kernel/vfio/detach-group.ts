import type { IommuGroup } from '../iommu/iommu-group.js';
import { groupReservedRegions } from '../iommu/reserved.js';
import type { KernelState } from '../state.js';
import type { Steps } from '../steps.js';
import { apertureOf, detachGroup, releaseDomain } from './attach-group.js';
import { widened, withoutReserved } from './iova-ranges.js';
import type { IovaRange, Type1 } from './objects.js';
import { removeAllDmas, unmapUnpin } from './unmap-unpin.js';

/**
 * Takes a group out of a container's address space. Its domain goes with its last group, and the mappings
 * with the last domain, unless drivers' own groups go on using them.
 * Linux: vfio_iommu_type1_detach_group().
 */
export function* leaveAddressSpace(state: KernelState, iommu: Type1, group: IommuGroup): Steps<void> {
  if (iommu.external?.includes(group)) {
    const left = iommu.external.filter((each) => each !== group);
    if (left.length === 0 && iommu.domains.length === 0) yield* removeAllDmas(state, iommu);
    iommu.external = left.length === 0 ? null : left;
    return;
  }
  const entry = iommu.domains.find(({ groups }) => groups.includes(group));
  if (entry === undefined) return;
  detachGroup(state, entry.domain, group);
  entry.groups.splice(entry.groups.indexOf(group), 1);
  let ranges = iommu.iovaRanges;
  if (entry.groups.length === 0) {
    if (iommu.domains.length === 1) {
      if (iommu.external === null) yield* removeAllDmas(state, iommu);
      else for (const dma of iommu.dmas.all()) yield* unmapUnpin(state, iommu, dma);
    }
    iommu.domains.splice(iommu.domains.indexOf(entry), 1);
    yield* releaseDomain(state, entry.domain);
    ranges = widened(
      ranges,
      iommu.domains.map(({ domain }) => apertureOf(domain)),
    );
  }
  iommu.iovaRanges = refreshed(iommu, ranges);
}

/** Ranges made anew from their two ends and the regions of the groups that are left. Linux: vfio_iommu_resv_refresh(). */
function refreshed(iommu: Type1, ranges: readonly IovaRange[]): readonly IovaRange[] {
  const first = ranges.at(0);
  const last = ranges.at(-1);
  if (first === undefined || last === undefined) return iommu.iovaRanges;
  const groups = iommu.domains.flatMap((each) => each.groups);
  const left = withoutReserved(
    [{ start: first.start, last: last.last }],
    groups.flatMap(groupReservedRegions),
  );
  return left.length === 0 ? iommu.iovaRanges : left;
}
