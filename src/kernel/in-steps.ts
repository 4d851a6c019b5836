import type { U64 } from '../bits/u64.js';
import { boot } from './boot.js';
import { freeDomain } from './iommu/alloc-domain.js';
import type { Domain } from './iommu/domain.js';
import type { IommuGroup } from './iommu/iommu-group.js';
import { type MapRequest, type PageCount, map } from './iommu/map.js';
import { unmap } from './iommu/unmap.js';
import type { KernelState } from './state.js';
import type { Steps } from './steps.js';
import { addGroup, closeContainer, removeGroup, setIommu } from './vfio/container.js';
import { type MapDmaRequest, vfioMapDma } from './vfio/map-dma.js';
import type { VfioContainer } from './vfio/objects.js';
import { type UnmapDmaRequest, vfioUnmapDma } from './vfio/unmap-dma.js';

/** The verbs that can take long, to be done in steps; each is also found in the kernel or its VFIO, done at once. */
export class InSteps {
  constructor(private readonly state: KernelState) {}

  /** See Kernel.boot. */
  boot(): Steps<void> {
    return boot(this.state);
  }
  freeDomain(domain: Domain): Steps<void> {
    return freeDomain(this.state, domain);
  }
  map(domain: Domain, request: MapRequest): Steps<PageCount[]> {
    return map(this.state, domain, request);
  }
  unmap(domain: Domain, request: { readonly iova: U64; readonly size: U64 }): Steps<U64> {
    return unmap(this.state, domain, request);
  }
  closeContainer(container: VfioContainer): Steps<void> {
    return closeContainer(this.state, container);
  }
  addGroup(container: VfioContainer, group: IommuGroup): Steps<void> {
    return addGroup(this.state, container, group);
  }
  removeGroup(container: VfioContainer, group: IommuGroup): Steps<void> {
    return removeGroup(this.state, container, group);
  }
  setIommu(container: VfioContainer, type: number): Steps<void> {
    return setIommu(this.state, container, type);
  }
  vfioMapDma(container: VfioContainer, request: MapDmaRequest): Steps<unknown> {
    return vfioMapDma(this.state, container, request);
  }
  /** Pages of the mappings that were removed. */
  vfioUnmapDma(container: VfioContainer, request: UnmapDmaRequest): Steps<number> {
    return vfioUnmapDma(this.state, container, request);
  }
}
