import { type U64, pfnOf, toHex } from '../../bits/u64.js';
import { refusal } from '../refusal.js';
import type { KernelState } from '../state.js';
import type { VfioDma } from './dma-list.js';
import type { Type1, VfioContainer } from './objects.js';

/*
 * How a process hands its mappings to the one it becomes: it takes the addresses away, which leaves what devices
 * reach as it is, and gives each mapping a new one. Linux: VFIO_UPDATE_VADDR, from 5.12 on.
 */

/** Takes the addresses of whole mappings of a range; pages they have. Linux: vfio_dma_do_unmap(). */
export function takeAddresses(
  state: KernelState,
  container: VfioContainer,
  taken: readonly VfioDma[],
): number {
  const iommu = container.iommu!;
  const mirrors = 'vfio_dma_do_unmap';
  if (state.profile.updatesVaddrOnlyOfDomains && iommu.external !== null) {
    const rule = `Container ${container.number} has groups whose drivers pin memory by its address.`;
    throw refusal('EBUSY', mirrors, rule, { code: 'DRIVERS_PIN', subject: container.subject });
  }
  const gone = taken.find(({ vaddrValid }) => !vaddrValid);
  if (gone !== undefined) {
    throw refusal(
      'EINVAL',
      mirrors,
      `The mapping at page 0x${gone.pfn.toString(16)} has no address any more.`,
      {
        code: 'INVALID_ARGUMENT',
      },
    );
  }
  for (const dma of taken) iommu.dmas.replace(dma, { ...dma, vaddrValid: false });
  return taken.reduce((sum, { pages }) => sum + pages, 0);
}

/** Gives a mapping without an address a new one. Linux: vfio_dma_do_map(). */
export function giveAddress(iommu: Type1, iova: U64, size: U64, vaddr: U64): VfioDma {
  const mirrors = 'vfio_dma_do_map';
  const dma = iommu.dmas.firstIn(pfnOf(iova), pfnOf(size));
  if (dma === null) {
    throw refusal('ENOENT', mirrors, `Nothing is mapped at ${toHex(iova)}.`, { code: 'IOVA_NOT_MAPPED' });
  }
  if (dma.vaddrValid || dma.pfn !== pfnOf(iova) || dma.pages !== pfnOf(size)) {
    const what = dma.vaddrValid ? 'has its address' : 'is another range';
    throw refusal('EINVAL', mirrors, `The mapping at page 0x${dma.pfn.toString(16)} ${what}.`, {
      code: 'INVALID_ARGUMENT',
    });
  }
  const given = { ...dma, vpfn: pfnOf(vaddr), vaddrValid: true };
  iommu.dmas.replace(dma, given);
  return given;
}

/**
 * Memory is pinned by its address, so nothing is while an address is missing. Where the kernel waits for it, a
 * command is refused with the errno of a call that would block. Linux: vfio_wait_all_valid().
 */
export function requireAddresses(container: VfioContainer, dmas: readonly VfioDma[], mirrors: string): void {
  const gone = dmas.find(({ vaddrValid }) => !vaddrValid);
  if (gone !== undefined) throw missingAddress(container, gone, 'EAGAIN', mirrors);
}

export function missingAddress(
  container: VfioContainer,
  dma: VfioDma,
  errno: 'EAGAIN' | 'EBUSY',
  mirrors: string,
) {
  const rule = `The mapping at page 0x${dma.pfn.toString(16)} of container ${container.number} has no address.`;
  const remedy = 'Give it one: map it with updateVaddr.';
  return refusal(errno, mirrors, rule, { code: 'NO_VADDR', subject: container.subject, remedy });
}
