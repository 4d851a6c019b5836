import type { U64 } from '../../bits/u64.js';
import type { Endpoint } from '../iommu/endpoint.js';
import type { IommuGroup } from '../iommu/iommu-group.js';
import type { KernelState } from '../state.js';
import { addGroup, closeContainer, openContainer, removeGroup, setIommu } from './container.js';
import { closeDevice, openDevice } from './device.js';
import { type DirtyRun, dirtyPages } from './dirty-pages.js';
import { dmaRw } from './dma-rw.js';
import { checkExtension } from './extension.js';
import { type MapDmaRequest, vfioMapDma } from './map-dma.js';
import type { VfioContainer } from './objects.js';
import { containerPageSizes } from './page-sizes.js';
import { type UnmapDmaRequest, vfioUnmapDma } from './unmap-dma.js';
import { wholly } from '../steps.js';
import type { UserRange } from './user-memory.js';

/** What user space asks of VFIO: its objects, for reading, and its verbs. Each verb is a file of its own. */
export class Vfio {
  constructor(private readonly state: KernelState) {}

  /** By number, oldest first; numbers are never used again. */
  get containers(): ReadonlyMap<number, VfioContainer> {
    return this.state.vfio.containers;
  }
  /** The container a group is in; null when it is in none. */
  containerOf(group: IommuGroup): VfioContainer | null {
    return this.state.vfio.containerOf.get(group) ?? null;
  }
  /** Bit n set: the container takes mappings in pages of 2^n bytes; none before it has an IOMMU type. */
  pageSizesOf(container: VfioContainer): U64 {
    return containerPageSizes(this.state.profile, container.iommu);
  }
  /** @param extension as VFIO_CHECK_EXTENSION numbers them */
  supports(container: VfioContainer, extension: number): boolean {
    return checkExtension(this.state.profile, container, extension);
  }
  /** Mappings a user may still make. */
  entriesAvailable(container: VfioContainer): number {
    return container.iommu?.available ?? this.state.vfio.dmaEntryLimit;
  }
  /**
   * @param userMemory null for everything a process can have
   * @param lockLimit pages it may have pinned at a time; null for any number
   */
  openContainer(userMemory: readonly UserRange[] | null, lockLimit: number | null = null): VfioContainer {
    return openContainer(this.state, userMemory, lockLimit);
  }
  closeContainer(container: VfioContainer): void {
    wholly(closeContainer(this.state, container));
  }
  addGroup(container: VfioContainer, group: IommuGroup): void {
    wholly(addGroup(this.state, container, group));
  }
  removeGroup(container: VfioContainer, group: IommuGroup): void {
    wholly(removeGroup(this.state, container, group));
  }
  /** @param type number of a backend: 1 for type1, 3 for type1v2 */
  setIommu(container: VfioContainer, type: number): void {
    wholly(setIommu(this.state, container, type));
  }
  mapDma(container: VfioContainer, request: MapDmaRequest): void {
    wholly(vfioMapDma(this.state, container, request));
  }
  /** Pages of the mappings that were removed. */
  unmapDma(container: VfioContainer, request: UnmapDmaRequest): number {
    return wholly(vfioUnmapDma(this.state, container, request));
  }
  /** @param flags exactly one of START (1), STOP (2) and GET_BITMAP (4); the last gives dirty pages of the range */
  dirtyPages(
    container: VfioContainer,
    flags: number,
    range: { readonly iova: U64; readonly size: U64 } | null,
  ): DirtyRun[] {
    return dirtyPages(container, flags, range);
  }
  /** DMA that the driver of a subdevice does for it: writes bytes, or reads as many as the number says. */
  dmaRw(container: VfioContainer, iova: U64, data: Uint8Array | number): Uint8Array {
    return dmaRw(this.state, container, iova, data);
  }
  openDevice(group: IommuGroup, name: string): Endpoint {
    return openDevice(this.state, group, name);
  }
  closeDevice(group: IommuGroup, name: string): Endpoint {
    return closeDevice(this.state, group, name);
  }
}
