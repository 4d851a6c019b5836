import type { KernelProfileName } from '../config.js';

/** Form of the log line for a DMA fault. Linux: dmar_fault_do_one(). */
export type FaultLineForm =
  /** `PASID %x`, all ones when absent; reason decimal. */
  | 'DECIMAL_REASON'
  /** `NO_PASID` or `PASID 0x%x` in the brackets; reason hexadecimal. */
  | 'HEX_REASON';

/**
 * What differs between kernels, as questions. A rule asks; nothing compares versions.
 *
 * The auxiliary-domain rules of V6_1 are those of V5_15 carried forward: mainline had removed them by
 * then, so a V6_1 platform with subdevices is the series ported, not a kernel that was released.
 */
export interface KernelProfile {
  readonly name: KernelProfileName;
  readonly faultLines: FaultLineForm;
  /** iommu_unmap() flushes once at its end instead of once per chunk. Linux: intel_iommu_tlb_sync(). */
  readonly gathersUnmapFlushes: boolean;
  /** iommu_map() flushes once at its end instead of once per chunk. Linux: intel_iommu_iotlb_sync_map(). */
  readonly gathersMapFlushes: boolean;
  /** A page-selective flush grows until its aligned block covers an unaligned range. */
  readonly alignsPageFlushes: boolean;
  /** (domain, parent) pairs are counted, so several subdevices of a parent can share a domain. */
  readonly countsAuxAttachments: boolean;
  /** Unmapping flushes the device-TLBs of parents of auxiliary attachments too. */
  readonly flushesAuxParentsDeviceTlb: boolean;
  /** Clearing a scalable context entry flushes the domain's own id; before, id 0. */
  readonly knowsDomainIdOfClearedContext: boolean;
  /** Tearing down a second-stage PASID entry flushes the IOTLB by domain id instead of by PASID. */
  readonly tearsDownSecondStageByDomain: boolean;
  /** PASID 0 gets SRE too. Linux: PASID_FLAG_SUPERVISOR_MODE in domain_setup_first_level(). */
  readonly supervisorForUntagged: boolean;
  /** A changed root pointer is followed by a global PASID-cache invalidation. Linux: iommu_set_root_entry(). */
  readonly flushesPasidCacheWithRoot: boolean;
  /** First-stage tables are the default where every unit has them. Later, second stage for UNMANAGED. */
  readonly unmanagedPrefersSecondStage: boolean;
  /** Scalable mode is on unless switched off. Linux: INTEL_IOMMU_SCALABLE_MODE_DEFAULT_ON. */
  readonly scalableModeByDefault: boolean;
  readonly scalableModeOnLine: string;
  /** Knows `sm_off`. */
  readonly knowsScalableModeOff: boolean;
  /** Prints the invalidation policy, and what SATC structures are missing. */
  readonly printsInvalidationPolicy: boolean;
  /** Domain id 1 is kept free in legacy mode too. Seen on a 6.1 kernel. */
  readonly reservesDefaultDomainIdAlways: boolean;
  /** A second-stage entry always has R: a write-only mapping can be read. Seen on a 6.1 kernel. */
  readonly writableIsReadable: boolean;
  /** Each unit brings its devices in as it is registered. */
  readonly probesPerUnit: boolean;
  /** A device that is still in a domain is not put in another. Linux: find_domain(), until 2022. */
  readonly findsDomainOfDevice: boolean;
  /** Devices that send under one requester id share a PASID table. Linux: get_alias_pasid_table(), until 2022. */
  readonly sharesPasidTables: boolean;
  readonly knowsSatc: boolean;
  /** The IOPF feature exists. */
  readonly knowsIopf: boolean;
  /** Page requests go through the common handler, for devices whose SVA feature is on. Linux: prq_event_thread(), intel_iommu_enable_sva(). */
  readonly svaTakesPageRequests: boolean;
  /** Binding a driver to a bound device: -EBUSY instead of -ENODEV. */
  readonly bindOfBoundIsBusy: boolean;
  /** Whoever asks for a driver to be bound hears why it gave up. Linux: device_driver_attach(). */
  readonly bindReportsProbeErrors: boolean;
  /** Domains announce the page sizes of their units instead of every power of two. Linux: domain_super_pgsize_bitmap(). */
  readonly reportsRealPageSizes: boolean;
  /** VFIO knows VFIO_DMA_UNMAP_FLAG_ALL. */
  readonly knowsUnmapAll: boolean;
  /** VFIO_UPDATE_VADDR is answered for a container and what is in it; before, always with yes. Seen on a 6.1 kernel. */
  readonly updatesVaddrOnlyOfDomains: boolean;
  /** User space owns a group from the container on, and its devices are blocked until a domain comes. Linux: iommu_group_claim_dma_owner(). */
  readonly claimsDmaOwnership: boolean;
  /** VFIO looks a device up before it looks at the group's container. */
  readonly findsVfioDeviceFirst: boolean;
  /** Mainline has auxiliary domains. Linux: iommu_aux_attach_device(), until 2022. */
  readonly hasAuxApi: boolean;
  /** The core attaches domains to a PASID of a device. Linux: iommu_attach_device_pasid(). */
  readonly attachesToPasids: boolean;
  /** A subdevice its driver will not take is not created. Linux: mdev_device_create(), device_driver_attach(). */
  readonly failsCreateWithoutDriver: boolean;
  /**
   * One driver, vfio_mdev, binds to every subdevice, and the bus makes its group and says so. Later the
   * driver of each parent binds to its own, and VFIO makes the group. Linux: mdev_attach_iommu(); seen on a
   * 6.1 kernel: vfio_register_emulated_iommu_dev().
   */
  readonly sharesSubdeviceDriver: boolean;
  /** A group without a default domain refuses every write to its `type`, whatever is bound. Seen on a 6.1 kernel. */
  readonly groupTypeNeedsDefaultDomain: boolean;
  /** What the sysfs file `type` of a group takes; null when it is read-only. Linux: iommu_group_store_type(). */
  readonly groupTypeWords: readonly string[] | null;
  /** What is printed where no driver configures virtual functions. Linux: sriov_numvfs_store(). */
  readonly noSriovDriverLines: { readonly unbound: string; readonly bound: string };
  /** Reserved memory is mapped in runs, in large pages where the domain has them. Linux: iommu_create_device_direct_mappings(). */
  readonly mapsReservedMemoryInRuns: boolean;
  /** The driver can flush a whole domain for the core. Linux: intel_flush_iotlb_all(), from 5.11 on. */
  readonly flushesDirectMappings: boolean;
  /** Whether a domain flushes lazily is a type of domain, and not one setting of the driver. Linux: IOMMU_DOMAIN_DMA_FQ. */
  readonly hasFlushQueueType: boolean;
  /** `iommu.strict` counts for this driver too. */
  readonly heedsIommuStrict: boolean;
  /** What `intel_iommu=strict` prints. Linux: intel_iommu_setup(). */
  readonly strictLine: string;
  /** What is printed where caching mode forbids flush queues. Linux: intel_iommu_init(). */
  readonly noBatchingLine: string;
  /** A group whose last VFIO device goes is taken out of its container; before, the device waits. Linux: vfio_device_remove_group(). */
  readonly revokesGroupOfLastDevice: boolean;
  /** Whether accesses are snooped is settled per domain, not for all units at once. Linux: enforce_cache_coherency(). */
  readonly enforcesSnoopPerDomain: boolean;
}

const V5_10: KernelProfile = {
  name: 'V5_10',
  faultLines: 'DECIMAL_REASON',
  gathersUnmapFlushes: false,
  gathersMapFlushes: false,
  alignsPageFlushes: false,
  countsAuxAttachments: false,
  flushesAuxParentsDeviceTlb: false,
  knowsDomainIdOfClearedContext: false,
  tearsDownSecondStageByDomain: false,
  supervisorForUntagged: true,
  flushesPasidCacheWithRoot: false,
  unmanagedPrefersSecondStage: false,
  scalableModeByDefault: false,
  scalableModeOnLine: 'DMAR: Intel-IOMMU: scalable mode supported',
  knowsScalableModeOff: false,
  printsInvalidationPolicy: false,
  reservesDefaultDomainIdAlways: false,
  writableIsReadable: false,
  probesPerUnit: false,
  findsDomainOfDevice: true,
  sharesPasidTables: true,
  knowsSatc: false,
  knowsIopf: false,
  svaTakesPageRequests: false,
  bindOfBoundIsBusy: false,
  bindReportsProbeErrors: false,
  reportsRealPageSizes: false,
  knowsUnmapAll: false,
  updatesVaddrOnlyOfDomains: false,
  claimsDmaOwnership: false,
  findsVfioDeviceFirst: false,
  hasAuxApi: true,
  attachesToPasids: false,
  failsCreateWithoutDriver: false,
  sharesSubdeviceDriver: true,
  groupTypeNeedsDefaultDomain: false,
  groupTypeWords: null,
  noSriovDriverLines: {
    unbound: 'Driver does not support SRIOV configuration via sysfs',
    bound: 'Driver does not support SRIOV configuration via sysfs',
  },
  mapsReservedMemoryInRuns: false,
  flushesDirectMappings: false,
  hasFlushQueueType: false,
  heedsIommuStrict: false,
  strictLine: 'DMAR: Disable batched IOTLB flush',
  noBatchingLine: 'DMAR: IOMMU batching is disabled due to virtualization',
  revokesGroupOfLastDevice: false,
  enforcesSnoopPerDomain: false,
};

const V5_15: KernelProfile = {
  ...V5_10,
  name: 'V5_15',
  faultLines: 'HEX_REASON',
  gathersUnmapFlushes: true,
  gathersMapFlushes: true,
  alignsPageFlushes: true,
  countsAuxAttachments: true,
  flushesAuxParentsDeviceTlb: true,
  knowsDomainIdOfClearedContext: true,
  tearsDownSecondStageByDomain: true,
  supervisorForUntagged: false,
  flushesPasidCacheWithRoot: true,
  scalableModeByDefault: true,
  scalableModeOnLine: 'DMAR: Enable scalable mode if hardware supports',
  knowsScalableModeOff: true,
  printsInvalidationPolicy: true,
  knowsIopf: true,
  svaTakesPageRequests: true,
  bindOfBoundIsBusy: true,
  bindReportsProbeErrors: true,
  reportsRealPageSizes: true,
  knowsUnmapAll: true,
  failsCreateWithoutDriver: true,
  noSriovDriverLines: {
    unbound: 'no driver bound to device; cannot configure SR-IOV',
    bound: 'driver does not support SR-IOV configuration via sysfs',
  },
  mapsReservedMemoryInRuns: true,
  flushesDirectMappings: true,
  hasFlushQueueType: true,
  heedsIommuStrict: true,
  strictLine: 'DMAR: intel_iommu=strict deprecated; use iommu.strict instead',
  noBatchingLine: 'DMAR: IOMMU batching disallowed due to virtualization',
  groupTypeWords: ['identity', 'DMA', 'DMA-FQ', 'auto'],
};

const V6_1: KernelProfile = {
  ...V5_15,
  name: 'V6_1',
  unmanagedPrefersSecondStage: true,
  reservesDefaultDomainIdAlways: true,
  writableIsReadable: true,
  probesPerUnit: true,
  findsDomainOfDevice: false,
  sharesPasidTables: false,
  knowsSatc: true,
  claimsDmaOwnership: true,
  hasAuxApi: false,
  updatesVaddrOnlyOfDomains: true,
  sharesSubdeviceDriver: false,
  groupTypeNeedsDefaultDomain: true,
  attachesToPasids: true,
  findsVfioDeviceFirst: true,
  revokesGroupOfLastDevice: true,
  enforcesSnoopPerDomain: true,
};

const PROFILES = { V5_10, V5_15, V6_1 } as const satisfies Record<KernelProfileName, KernelProfile>;

export function profileOf(name: KernelProfileName): KernelProfile {
  return PROFILES[name];
}
