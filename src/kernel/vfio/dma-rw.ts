import { type U64, pageOffsetOf, pfnOf, toHex, u64FromPfn } from '../../bits/u64.js';
import type { KernelState } from '../state.js';
import type { VfioDma } from './dma-list.js';
import { requireIommu } from './map-dma.js';
import { requireAddresses } from './update-vaddr.js';
import type { VfioContainer } from './objects.js';
import { refusal } from '../refusal.js';

const MIRRORS = 'vfio_dma_rw';

/**
 * Reads or writes memory of a process for a subdevice whose driver does its DMA: by I/O address, but with no
 * IOMMU in between. A mapping without READ can be neither read nor written. What was copied before a refusal
 * stays copied. Linux: vfio_iommu_type1_dma_rw(), vfio_iommu_type1_dma_rw_chunk().
 *
 * @param data bytes to write; a number asks to read that many
 */
export function dmaRw(
  state: KernelState,
  container: VfioContainer,
  iova: U64,
  data: Uint8Array | number,
): Uint8Array {
  const iommu = requireIommu(container, MIRRORS);
  const writes = typeof data !== 'number';
  const bytes = writes ? data : new Uint8Array(data);
  for (let done = 0; done < bytes.length;) {
    const pfn = pfnOf(iova) + Math.floor((pageOffsetOf(iova) + done) / 4096);
    const offset = (pageOffsetOf(iova) + done) % 4096;
    const count = Math.min(4096 - offset, bytes.length - done);
    const dma = requireAllowed(iommu.dmas.firstIn(pfn, 1), pfn, writes);
    requireAddresses(container, [dma], 'vfio_find_dma_valid');
    const { frame } = container.userMemory.pinRun(dma.vpfn + pfn - dma.pfn, 1, {
      read: !writes,
      write: writes,
    });
    const place = frame * 4096 + offset;
    if (writes) {
      state.memory.writeBytes(place, bytes.subarray(done, done + count));
      iommu.dirty?.add(pfn);
    } else {
      bytes.set(state.memory.readBytes(place, count), done);
    }
    done += count;
  }
  return bytes;
}

function requireAllowed(dma: VfioDma | null, pfn: number, writes: boolean): VfioDma {
  const where = toHex(u64FromPfn(pfn));
  if (dma === null) {
    throw refusal('EINVAL', MIRRORS, `Nothing is mapped at ${where}.`, { code: 'IOVA_NOT_MAPPED' });
  }
  if (dma.read && (dma.write || !writes)) return dma;
  const rule = `The mapping at ${where} allows no ${dma.read ? 'writing' : 'reading, which writing needs too'}.`;
  throw refusal('EPERM', MIRRORS, rule, { code: 'ACCESS' });
}
