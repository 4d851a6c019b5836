import { type U64, pfnOf, u64, u64FromPfn } from '../../bits/u64.js';
import { map } from '../iommu/map.js';
import { clearPages, unmap } from '../iommu/unmap.js';
import { groupReservedRegions } from '../iommu/reserved.js';
import type { Domain } from '../iommu/domain.js';
import type { KernelDevice } from '../device/kernel-device.js';
import { refusal } from '../refusal.js';
import type { KernelState } from '../state.js';
import { wholly } from '../steps.js';
import { unsafe } from '../unsafe.js';
import { isVfioDriver } from '../vfio/viability.js';
import { enqueue } from './flush-queue.js';
import { IovaSpace } from './iova-space.js';

/** Who moves data where. Linux: enum dma_data_direction. */
export type DmaDirection = 'TO_DEVICE' | 'FROM_DEVICE' | 'BIDIRECTIONAL';

/** Memory a driver lets its device reach. */
export interface DmaMapRequest {
  readonly physical: U64;
  /** Bytes, at least 1. */
  readonly size: number;
  readonly direction: DmaDirection;
}

/** Addresses below 4 GiB are tried first, whatever the device can address. Linux: iommu_dma_alloc_iova(). */
const FIRST_TRY_END = 2 ** 20;

/**
 * Maps memory for the driver of a device, at an I/O address the kernel chooses; where nothing translates
 * its requests the address is the physical one. Base addresses of functions are reserved too in the
 * kernel, but a dump does not tell how long they are.
 * Linux: dma_map_page_attrs(), iommu_dma_map_page(), before: __intel_map_single().
 */
export function dmaMap(state: KernelState, device: KernelDevice, request: DmaMapRequest): U64 {
  requireDriver(device, 'dma_map_page_attrs');
  const domain = dmaDomain(state, device);
  const { physical, size, direction } = request;
  if (domain === null) return physical;
  const offset = physical.lo & 0xfff;
  const pages = Math.ceil((offset + size) / 4096);
  const iovas = (domain.iovas ??= newSpace(device));
  const end = 2 ** (domain.addressWidth - (domain.firstLevel ? 13 : 12));
  const pfn = iovas.allocate(pages, Math.min(FIRST_TRY_END, end)) ?? iovas.allocate(pages, end);
  if (pfn === null) {
    const rule = `Domain ${domain.number} has no ${pages} pages of addresses left.`;
    const why = { code: 'NO_IOVA', subject: domain.subject };
    throw refusal('ENOMEM', 'iommu_dma_alloc_iova', rule, why);
  }
  // Zero-length reads of what can only be written are translated where a unit supports them.
  const zeroLengthReads = device.unit!.capabilities.ZLR || state.profile.hasFlushQueueType;
  try {
    wholly(
      map(state, domain, {
        iova: u64FromPfn(pfn),
        physical: u64(physical.hi, physical.lo - offset),
        size: u64FromPfn(pages),
        read: direction !== 'FROM_DEVICE' || !zeroLengthReads,
        write: direction !== 'TO_DEVICE',
      }),
    );
  } catch (error) {
    iovas.release(pfn);
    throw error;
  }
  return u64FromPfn(pfn, offset);
}

/**
 * Unmaps what was mapped for a driver. A strict domain is flushed at once; a lazy one keeps the range in its
 * queue, and until that is flushed the device may still reach the memory through a cache.
 * Linux: dma_unmap_page_attrs(), __iommu_dma_unmap(), before: intel_unmap().
 */
export function dmaUnmap(state: KernelState, device: KernelDevice, address: U64): Domain | null {
  const mirrors = 'dma_unmap_page_attrs';
  requireDriver(device, mirrors);
  const domain = dmaDomain(state, device);
  if (domain === null) return null;
  const range = domain.iovas?.find(pfnOf(address)) ?? null;
  const isWaiting = domain.flushQueue?.entries.some(({ pfn }) => pfn === range?.pfn) ?? false;
  if (range === null || isWaiting) {
    const rule = `No mapping of the driver of ${device.name} begins in that page.`;
    throw refusal('EINVAL', mirrors, rule, { code: 'NOT_MAPPED', subject: device.subject });
  }
  if (!isLazy(state, domain)) {
    wholly(unmap(state, domain, { iova: u64FromPfn(range.pfn), size: u64FromPfn(range.pages) }));
    domain.iovas!.release(range.pfn);
    return domain;
  }
  const freed = clearPages(domain, range.pfn, range.pages).flatMap((each) => each.freed);
  state.emit({
    type: 'MAPPING',
    mapped: false,
    domain: domain.number,
    iova: u64FromPfn(range.pfn),
    physical: null,
    size: u64FromPfn(range.pages),
    read: false,
    write: false,
  });
  enqueue(state, domain, { pfn: range.pfn, freed });
  return domain;
}

/** Linux: has_iova_flush_queue(), later cookie->fq_domain. */
function isLazy(state: KernelState, domain: Domain): boolean {
  return state.profile.hasFlushQueueType ? domain.type === 'DMA_FQ' : state.lazy;
}

/** Null where addresses are physical ones. Linux: find_domain(), later iommu_get_dma_domain(). */
function dmaDomain(state: KernelState, device: KernelDevice): Domain | null {
  const domain = state.profile.hasFlushQueueType
    ? (device.group?.defaultDomain ?? null)
    : device.primaryDomain;
  if (domain === null || domain.type === 'IDENTITY') return null;
  if (domain.isForDmaApi) return domain;
  throw unsafe(
    'find_domain',
    `${device.name} is attached to domain ${domain.number}, which has no addresses to hand out; the driver would use an allocator that was never set up.`,
    'Detach that domain first.',
  );
}

/** The window of interrupt messages and what firmware keeps. Linux: iova_reserve_iommu_regions(). */
function newSpace(device: KernelDevice): IovaSpace {
  const space = new IovaSpace();
  const group = device.group!;
  for (const { start, last } of groupReservedRegions(group).toReversed())
    space.reserve(pfnOf(start), pfnOf(last) - pfnOf(start) + 1);
  return space;
}

function requireDriver(device: KernelDevice, mirrors: string): void {
  if (device.driver !== null && !isVfioDriver(device.driver)) return;
  const what = device.driver === null ? 'has no driver' : 'is in the hands of a user';
  const rule = `${device.name} ${what}: nobody maps memory for it.`;
  throw refusal('ENODEV', mirrors, rule, {
    code: 'NO_DRIVER',
    subject: device.subject,
    remedy: 'Bind its host driver.',
  });
}
