import type { KernelProfile } from '../profile/profile.js';
import { VFIO_IOMMU, type VfioContainer } from './objects.js';

/** Questions beside the numbers of backends. Linux: VFIO_DMA_CC_IOMMU, VFIO_UNMAP_ALL, VFIO_UPDATE_VADDR. */
const EXTENSION = { COHERENT_DMA: 4, UNMAP_ALL: 9, UPDATE_VADDR: 10 } as const;

/**
 * Whether a container can do something: what its backend says, or before it has one what any would.
 * Coherent DMA is a matter of the domains that are there, and later kernels update addresses only while all
 * of its groups have domains. Linux: VFIO_CHECK_EXTENSION, vfio_iommu_type1_check_extension().
 */
export function checkExtension(profile: KernelProfile, { iommu }: VfioContainer, extension: number): boolean {
  if (Object.values<number>(VFIO_IOMMU).includes(extension)) return true;
  switch (extension) {
    case EXTENSION.COHERENT_DMA:
      return iommu !== null && iommu.domains.every(({ cache }) => cache);
    case EXTENSION.UNMAP_ALL:
      return profile.knowsUnmapAll;
    case EXTENSION.UPDATE_VADDR:
      if (!profile.updatesVaddrOnlyOfDomains) return profile.knowsUnmapAll;
      return iommu !== null && iommu.external === null;
    default:
      return false;
  }
}
