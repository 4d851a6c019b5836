import {
  type U64,
  ZERO,
  addOverflows,
  addU64,
  equalU64,
  isZero,
  pfnOf,
  subU64,
  toHex,
  u64,
} from '../../bits/u64.js';
import type { KernelState } from '../state.js';
import type { DmaAccess, VfioDma } from './dma-list.js';
import { isValidIova } from './iova-ranges.js';
import type { Type1, VfioContainer } from './objects.js';
import { pinMap } from './pin-map.js';
import type { Steps } from '../steps.js';
import { giveAddress } from './update-vaddr.js';
import { refusal } from '../refusal.js';

/** What VFIO_IOMMU_MAP_DMA is told. */
export interface MapDmaRequest extends DmaAccess {
  readonly iova: U64;
  /** Address in the memory of the process. */
  readonly vaddr: U64;
  readonly size: U64;
  /** VFIO_DMA_MAP_FLAG_VADDR: no new mapping, but a new address for one that has none. */
  readonly updateVaddr?: boolean;
}

const MIRRORS = 'vfio_dma_do_map';

/**
 * Lets devices of a container reach memory of its process. The checks are in the kernel's order: arguments,
 * overlap, entries left, range. Nothing is pinned while only drivers' own groups are in the container.
 * Linux: vfio_dma_do_map().
 */
export function* vfioMapDma(
  state: KernelState,
  container: VfioContainer,
  request: MapDmaRequest,
): Steps<VfioDma> {
  const iommu = requireIommu(container, 'vfio_fops_unl_ioctl');
  const { iova, vaddr, size } = request;
  requireArguments(state, request);
  if (request.updateVaddr) return giveAddress(iommu, iova, size, vaddr);
  const pfn = pfnOf(iova);
  const pages = pfnOf(size);
  const taken = iommu.dmas.firstIn(pfn, pages);
  if (taken !== null) {
    const rule = `I/O addresses at ${toHex(iova)} are mapped: a mapping of ${taken.pages} pages begins at page 0x${taken.pfn.toString(16)}.`;
    throw refusal('EEXIST', MIRRORS, rule, {
      code: 'IOVA_MAPPED',
      subject: container.subject,
      remedy: 'Unmap that first.',
    });
  }
  if (iommu.available === 0) {
    const rule = `Container ${container.number} has used all its ${state.vfio.dmaEntryLimit} mappings.`;
    throw refusal('ENOSPC', MIRRORS, rule, {
      code: 'DMA_ENTRY_LIMIT',
      subject: container.subject,
      remedy: 'Map larger ranges, or raise vfio_iommu_type1.dma_entry_limit.',
    });
  }
  if (!isValidIova(iommu.iovaRanges, { start: iova, last: lastOf(iova, size) })) {
    const ranges = iommu.iovaRanges.map(({ start, last }) => `${toHex(start)}-${toHex(last)}`).join(', ');
    const rule = `${toHex(iova)}-${toHex(lastOf(iova, size))} is not within one of the container's ranges: ${ranges}.`;
    throw refusal('EINVAL', MIRRORS, rule, { code: 'IOVA_RANGE', subject: container.subject });
  }
  iommu.available--;
  const { read, write } = request;
  const dma: VfioDma = { pfn, vpfn: pfnOf(vaddr), vaddrValid: true, pages: 0, read, write };
  if (iommu.domains.length === 0) dma.pages = pages;
  else yield* pinMap(state, container, iommu, dma, pages);
  iommu.dmas.insert(dma);
  return dma;
}

/** The backend of a container; every call but the container's own needs one. */
export function requireIommu(container: VfioContainer, mirrors: string): Type1 {
  if (container.iommu !== null) return container.iommu;
  throw refusal('EINVAL', mirrors, `Container ${container.number} has no IOMMU type set.`, {
    code: 'NO_IOMMU_SET',
    subject: container.subject,
    remedy: 'Add a group and set the type first.',
  });
}

/** The smallest page is 4096 bytes on every platform this driver knows, whatever the groups. */
function requireArguments(
  state: KernelState,
  { iova, vaddr, size, read, write, updateVaddr }: MapDmaRequest,
): void {
  const invalid = (rule: string) => refusal('EINVAL', MIRRORS, rule, { code: 'INVALID_ARGUMENT' });
  if (updateVaddr) {
    if (!state.profile.knowsUnmapAll)
      throw invalid(`Linux ${state.profile.name} does not know the flag VADDR.`);
    if (read || write) throw invalid('With the flag VADDR the access stays as it is.');
  } else if (!read && !write) throw invalid('A mapping must allow reading or writing.');
  if (isZero(size)) throw invalid('A mapping must have a size.');
  if (((size.lo | iova.lo | vaddr.lo) & 0xfff) !== 0) {
    throw invalid(
      `Addresses and size must be multiples of 4096: iova ${toHex(iova)}, vaddr ${toHex(vaddr)}, size ${toHex(size)}.`,
    );
  }
  if (wraps(iova, size)) throw invalid(`The range at ${toHex(iova)} wraps around the end of I/O addresses.`);
  if (wraps(vaddr, size)) throw invalid(`The range at ${toHex(vaddr)} wraps around the end of memory.`);
}

/** Whether the last byte lies beyond 2^64; ending exactly there is fine. */
export function wraps(start: U64, size: U64): boolean {
  return addOverflows(start, size) && !equalU64(addU64(start, size), ZERO);
}

export function lastOf(start: U64, size: U64): U64 {
  return subU64(addU64(start, size), u64(0, 1));
}
