import type { U64 } from '../../bits/u64.js';
import type { KernelSubject } from '../errno.js';
import type { Domain } from '../iommu/domain.js';
import type { Endpoint } from '../iommu/endpoint.js';
import type { IommuGroup } from '../iommu/iommu-group.js';
import type { IommuOps } from '../iommu/iommu-ops.js';
import type { DmaList } from './dma-list.js';
import type { UserMemory } from './user-memory.js';

/** Backends a container can be given, by the number VFIO_SET_IOMMU takes. Linux: VFIO_TYPE1_IOMMU, ... */
export const VFIO_IOMMU = { TYPE1: 1, TYPE1V2: 3, NESTING: 6 } as const;

/** A stretch of I/O addresses; `last` is inclusive. Linux: struct vfio_iova. */
export interface IovaRange {
  readonly start: U64;
  readonly last: U64;
}

/** An IOMMU domain of a container and the groups that share it. Linux: struct vfio_domain. */
export interface VfioDomain {
  readonly domain: Domain;
  readonly ops: IommuOps;
  /** Mappings ask for snooped accesses; part of what domains must agree in to be shared. */
  readonly cache: boolean;
  readonly groups: IommuGroup[];
}

/** The type1 backend of a container. Linux: struct vfio_iommu. */
export interface Type1 {
  /** VFIO_TYPE1v2_IOMMU: unmapping may not cut a mapping. */
  readonly v2: boolean;
  readonly nesting: boolean;
  /** Newest first, as the kernel's list has them. */
  readonly domains: VfioDomain[];
  /** Groups whose isolation is the business of their drivers; null while there are none. */
  external: IommuGroup[] | null;
  readonly dmas: DmaList;
  /** Empty while no domain limits what may be mapped. */
  iovaRanges: readonly IovaRange[];
  /** Mappings that may still be made. */
  available: number;
  /** Pages written by drivers since they were last read; null while nothing is recorded. */
  dirty: Set<number> | null;
}

/** One address space of a user process. Linux: struct vfio_container. */
export class VfioContainer {
  /** Newest first, as the kernel's list has them. */
  readonly groups: IommuGroup[] = [];
  /** Null until VFIO_SET_IOMMU, and again when the last group has left. */
  iommu: Type1 | null = null;
  /** Files of its groups' devices that are open, by device. */
  readonly openDevices = new Map<Endpoint, number>();

  constructor(
    /** Never used again. */
    readonly number: number,
    /** Memory of the process that opened it. */
    readonly userMemory: UserMemory,
  ) {}

  get subject(): KernelSubject {
    return { kind: 'VfioContainer', number: this.number };
  }
}
