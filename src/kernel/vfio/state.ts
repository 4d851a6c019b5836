import type { HostMemory } from '../../memory/host-memory.js';
import type { KernelConfig } from '../config.js';
import type { Domain } from '../iommu/domain.js';
import type { Endpoint } from '../iommu/endpoint.js';
import type { IommuGroup } from '../iommu/iommu-group.js';
import type { VfioContainer } from './objects.js';
import { type Type1Parameters, type1Parameters } from './parameters.js';
import { UserFrames } from './user-memory.js';
import { isVfioDevice } from './viability.js';

/** Everything VFIO keeps. */
export class VfioState {
  /** By number, oldest first. */
  readonly containers = new Map<number, VfioContainer>();
  readonly containerOf = new Map<IommuGroup, VfioContainer>();
  readonly parameters: Type1Parameters;
  readonly dmaEntryLimit: number;
  readonly frames: UserFrames;
  private lastNumber = 0;

  constructor(memory: HostMemory, config: KernelConfig) {
    this.parameters = type1Parameters(config.commandLine);
    this.dmaEntryLimit = this.parameters.dmaEntryLimit ?? config.dmaEntryLimit;
    // The quarter below the one tables live in.
    const endFrame = Math.floor(Math.min(memory.limit, 2 ** 38) / 4096);
    this.frames = new UserFrames(memory, Math.floor(endFrame / 2), endFrame - Math.floor(endFrame / 4));
  }

  takeNumber(): number {
    return ++this.lastNumber;
  }

  /** The container that has a device through its VFIO driver; null when none has. */
  containerHolding(device: Endpoint): VfioContainer | null {
    if (device.group === null || !isVfioDevice(device)) return null;
    return this.containerOf.get(device.group) ?? null;
  }

  /** The container a domain works for; null when the domain is not VFIO's. */
  ownerOf(domain: Domain): VfioContainer | null {
    for (const container of this.containers.values()) {
      if (container.iommu?.domains.some((each) => each.domain === domain)) return container;
    }
    return null;
  }
}
