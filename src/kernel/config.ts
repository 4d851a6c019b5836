export type KernelProfileName = 'V5_10' | 'V5_15' | 'V6_1';
export type SubdeviceModel = 'MDEV_BUS_OPS' | 'AUX_API' | 'PASID_ATTACH';
export type ParentLookup = 'MDEV_BUS_ONLY' | 'DEVICE_CORE';
export type AuxRequirement = 'FALL_BACK_TO_PRIMARY' | 'REQUIRED';
export type BusOrganisation = 'ONE_OPS_PER_BUS' | 'PARENT_DERIVED' | 'BUS_PER_PARENT_TYPE';

/** Which kernel a platform runs and how it was started. */
export interface KernelConfig {
  readonly profile: KernelProfileName;
  /** The whole boot command line. */
  readonly commandLine: string;
  /** Build options the user set, by full name (`CONFIG_...`), value y, n or m. */
  readonly options: Readonly<Record<string, string>>;
  readonly subdeviceModel: SubdeviceModel;
  readonly parentLookup: ParentLookup;
  readonly auxRequirement: AuxRequirement;
  readonly busOrganisation: BusOrganisation;
  /** vfio_iommu_type1.dma_entry_limit. */
  readonly dmaEntryLimit: number;
  /**
   * Bytes of host memory there are for tables and queues; a quarter of all when left out, as for platforms of the time
   * before it was asked for.
   */
  readonly tableMemory?: number;
  /**
   * What one command may have to tell of single chunks and entries of mappings, a limit of the simulator; any number when
   * left out, as for platforms of the time before there was one.
   */
  readonly tellsPerCommand?: number;
}
