import { type U64, pfnOf, u64FromPfn } from '../../bits/u64.js';
import type { Endpoint } from '../../kernel/iommu/endpoint.js';
import { DIRTY_PAGES, type DirtyRun } from '../../kernel/vfio/dirty-pages.js';
import type { VfioContainer } from '../../kernel/vfio/objects.js';
import { userRangesFault } from '../../kernel/vfio/user-memory.js';
import { InvalidInputError } from '../errors.js';
import { containerOf, groupOf } from './lookup.js';
import type { VerbTable } from './verb.js';

/** What the commands of this file give back when they succeed. */
export interface VfioResults {
  openContainer: VfioContainer;
  /** The number it had. */
  closeContainer: number;
  addGroupToContainer: VfioContainer;
  removeGroupFromContainer: VfioContainer;
  setContainerIommu: VfioContainer;
  openVfioDevice: OpenedDevice;
  closeVfioDevice: OpenedDevice;
  vfioMapDma: VfioContainer;
  vfioUnmapDma: { readonly container: VfioContainer; readonly unmapped: U64 };
  vfioDirtyPages: { readonly container: VfioContainer; readonly dirty: readonly DirtyRun[] };
}

/** A device, and the container its group is in. */
export interface OpenedDevice {
  readonly device: Endpoint;
  readonly container: VfioContainer;
}

/** The commands of a user of VFIO. */
export const VFIO_VERBS: VerbTable<VfioResults> = {
  openContainer: (platform, { userMemory, lockedMemoryLimit = null }) => {
    const fault = userRangesFault(userMemory ?? []);
    if (fault !== null) throw new InvalidInputError(['input', 'userMemory'], `User memory: ${fault}.`);
    return () =>
      platform.kernel.vfio.openContainer(
        userMemory,
        lockedMemoryLimit === null ? null : pfnOf(lockedMemoryLimit),
      );
  },
  closeContainer: (platform, { container }) => {
    const found = containerOf(platform, container);
    return function* () {
      yield* platform.kernel.inSteps.closeContainer(found);
      return found.number;
    };
  },
  addGroupToContainer: (platform, { container, group }) => {
    const found = containerOf(platform, container);
    const added = groupOf(platform, group);
    return function* () {
      yield* platform.kernel.inSteps.addGroup(found, added);
      return found;
    };
  },
  removeGroupFromContainer: (platform, { container, group }) => {
    const found = containerOf(platform, container);
    const removed = groupOf(platform, group);
    return function* () {
      yield* platform.kernel.inSteps.removeGroup(found, removed);
      return found;
    };
  },
  setContainerIommu: (platform, { container, iommuType }) => {
    const found = containerOf(platform, container);
    return function* () {
      yield* platform.kernel.inSteps.setIommu(found, iommuType);
      return found;
    };
  },
  openVfioDevice: (platform, { group, name }) => {
    const found = groupOf(platform, group);
    return () => {
      const device = platform.kernel.vfio.openDevice(found, name);
      return { device, container: platform.kernel.vfio.containerOf(found)! };
    };
  },
  closeVfioDevice: (platform, { group, name }) => {
    const found = groupOf(platform, group);
    return () => {
      const device = platform.kernel.vfio.closeDevice(found, name);
      return { device, container: platform.kernel.vfio.containerOf(found)! };
    };
  },
  vfioMapDma: (platform, command) => {
    const found = containerOf(platform, command.container);
    return function* () {
      yield* platform.kernel.inSteps.vfioMapDma(found, command);
      return found;
    };
  },
  vfioUnmapDma: (platform, command) => {
    const container = containerOf(platform, command.container);
    return function* () {
      const pages = yield* platform.kernel.inSteps.vfioUnmapDma(container, command);
      return { container, unmapped: u64FromPfn(pages) };
    };
  },
  vfioDirtyPages: (platform, command) => {
    const container = containerOf(platform, command.container);
    return () => {
      const dirty = platform.kernel.vfio.dirtyPages(container, DIRTY_PAGES[command.action], command.range);
      return { container, dirty };
    };
  },
};
