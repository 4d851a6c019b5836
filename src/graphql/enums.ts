import { builder } from './builder.js';

/** Makes an enum from a table of its values and what each means. */
function enumOf<const T extends Record<string, string>>(name: string, description: string, values: T) {
  return builder.enumType(name, {
    description,
    values: Object.fromEntries(
      Object.entries(values).map(([value, meaning]) => [value, { value, description: meaning }]),
    ) as { [K in keyof T & string]: { value: K; description: string } },
  });
}

export const PlatformOriginEnum = enumOf('PlatformOrigin', 'Where a platform came from.', {
  TEMPLATE: 'Built from one of the templates.',
  IMPORTED: 'Built from what was read off a real machine.',
  FORKED: 'Started with the whole state of another platform.',
});

export const KernelProfileEnum = enumOf('KernelProfile', "Which kernel's rules and log texts apply.", {
  V5_10: 'Linux 5.10, the kernel the subdevice series was written against.',
  V5_15: 'Linux 5.15.',
  V6_1: 'Linux 6.1.',
});

export const SubdeviceModelEnum = enumOf('SubdeviceModel', 'How a subdevice gets its translation.', {
  MDEV_BUS_OPS: 'iommu_ops on the subdevice bus, as the 2020 series proposes.',
  AUX_API:
    'Auxiliary domains attached to the parent by the driver framework, as mainline had until 2022; not with V6_1.',
  PASID_ATTACH: 'A domain attached to (device, PASID), as mainline has had since; with V6_1 only.',
});

export const ParentLookupEnum = enumOf('ParentLookup', 'How the parent of a subdevice is found.', {
  MDEV_BUS_ONLY: 'Only a device on the mdev bus is a subdevice, as posted.',
  DEVICE_CORE: "The driver core's parent pointer, for any subdevice framework.",
});

export const AuxRequirementEnum = enumOf(
  'AuxRequirement',
  'What happens when the parent has not enabled the AUX feature.',
  {
    FALL_BACK_TO_PRIMARY: "The domain becomes the parent's own primary domain, as posted.",
    REQUIRED:
      "A subdevice is served beside its parent's primary domain or not at all, and what is refused touches nothing: without AUX no attach (EPERM), no second domain (EBUSY), no AUX off while anything is attached (EBUSY), no subdevice the operations of its bus do not serve (EINVAL, ENODEV).",
  },
);

export const BusOrganisationEnum = enumOf(
  'BusOrganisation',
  'Whose operations serve a subdevice when vendors or parent buses differ.',
  {
    ONE_OPS_PER_BUS: 'One table on the one mdev bus; a second registration is refused, as posted.',
    PARENT_DERIVED:
      "A subdevice is served by the operations of its parent's vendor; the mdev bus itself has none.",
    BUS_PER_PARENT_TYPE:
      'One subdevice bus for each type of parent bus: mdev_pci, mdev_platform, mdev_virtual.',
  },
);

export const InterruptKindEnum = enumOf('InterruptKind', 'How a device signals an interrupt by a message.', {
  MSI: 'From registers in configuration space. PCI Local Bus 6.8.1.',
  MSI_X: 'From a table behind a base address. PCI Local Bus 6.8.2.',
});

export const SubdeviceFrameworkEnum = builder.enumType('SubdeviceFramework', {
  description: 'What puts subdevices on a bus.',
  values: {
    MDEV: { value: 'mdev', description: 'Mediated devices.' },
    SUBDEV_TEST: {
      value: 'subdev-test',
      description:
        'A second framework without a driver, there to show how parents are looked up; needs CONFIG_SUBDEV_TEST=y.',
    },
  } as const,
});

export const DeviceScopeKindEnum = enumOf(
  'DeviceScopeKind',
  'What a device scope names. VT-d 8.3.1 "Device Scope Structure".',
  {
    PCI_ENDPOINT: 'One PCI function.',
    PCI_SUB_HIERARCHY: 'A bridge and everything below it.',
    IOAPIC: 'An I/O APIC; the path gives the requester id of its interrupts.',
    HPET: 'A high precision event timer; the path gives its requester id.',
    ACPI_NAMESPACE: 'A device of the ACPI name space, declared by an ANDD structure.',
    UNKNOWN: 'A type this revision does not define.',
  },
);

export const DeviceFeatureEnum = enumOf(
  'DeviceFeature',
  'A feature a driver turns on for a device. Linux: enum iommu_dev_features.',
  {
    AUX: 'Auxiliary domains: more than one domain, each under a PASID of its own.',
    SVA: 'Shared virtual addressing.',
    IOPF: 'Recoverable I/O page faults.',
  },
);

export const ReservedRegionTypeEnum = enumOf(
  'ReservedRegionType',
  'Why a range is reserved. Linux: enum iommu_resv_type.',
  {
    DIRECT: 'Firmware memory that must be mapped one to one.',
    DIRECT_RELAXABLE: 'The same, but the device can do without (USB, graphics).',
    RESERVED: 'Not to be used as an I/O address.',
    MSI: 'Writes here are interrupts and are never translated.',
    SW_MSI: 'A window software chose for interrupts.',
  },
);

export const GroupReasonKindEnum = enumOf('GroupReasonKind', 'Why a device is in its group.', {
  SINGLE: 'It can be isolated and is alone.',
  DMA_ALIAS: 'Its requests carry another device’s requester id.',
  MULTIFUNCTION_WITHOUT_ACS: 'Functions of one slot could talk to each other: ACS is missing.',
  PATH_WITHOUT_ACS: 'A bridge on the way to the root could redirect requests: ACS is missing.',
  CONVENTIONAL_BUS: 'It sits on a conventional PCI bus, where requests carry the bridge’s id.',
  QUIRK: 'A known property of this device decides.',
  SUBDEVICE: 'A subdevice always gets a group of its own.',
});

export const DomainTypeEnum = enumOf(
  'DomainType',
  'What an I/O address space is for. Linux: IOMMU_DOMAIN_*.',
  {
    UNMANAGED: 'Mapped by its owner, through map and unmap.',
    DMA: "Managed by the kernel's DMA API.",
    DMA_FQ:
      'The same with a flush queue: what is unmapped is flushed later, in one go (V5_15 and later; a V5_10 domain of type DMA has such a queue unless intel_iommu=strict).',
    IDENTITY: 'Addresses pass unchanged.',
    BLOCKED: 'Nothing passes.',
    SVA: 'Shares the page tables of a process.',
  },
);

export const AttachmentKindEnum = enumOf('AttachmentKind', 'How a domain is attached.', {
  PRIMARY: 'It translates requests without a PASID.',
  AUX: 'It translates requests with the PASID the aux attachment allocated.',
  PASID: 'It translates requests with a PASID the caller chose.',
});

export const VfioInterruptKindEnum = enumOf('VfioInterruptKind', 'Kinds of interrupts vfio-pci offers.', {
  INTX: 'The line of the conventional bus.',
  MSI: 'Messages whose address is in configuration space.',
  MSI_X: 'Messages whose addresses are in a table behind a base address.',
  ERROR: 'The host tells of an uncorrectable error; PCI Express only.',
  REQUEST: 'The host asks the user to let go of the device.',
});

export const VfioDirtyActionEnum = enumOf(
  'VfioDirtyAction',
  'What is asked of the record of pages that may have been written.',
  {
    START: 'Begins it; EACCES for a container of TYPE1.',
    STOP: 'Ends it.',
    GET_BITMAP: 'Reads it for a range, and begins anew there.',
  },
);

export const VfioIommuTypeEnum = enumOf('VfioIommuType', 'The backend of a VFIO container.', {
  TYPE1: 'Unmapping takes a whole mapping when its first byte is covered, and nothing else.',
  TYPE1V2: 'Unmapping that would cut a mapping is refused.',
  NESTING:
    'As TYPE1V2, for a user that puts tables of its own under the mappings; needs units that nest (ECAP.NEST) in scalable mode, else ENODEV, and is EINVAL for subdevices with operations of their own.',
});

export const DmaAccessEnum = enumOf('DmaAccess', 'A kind of access.', {
  READ: 'The device reads memory.',
  WRITE: 'The device writes memory.',
  EXECUTE: 'The device fetches instructions.',
});

export const DmaDirectionEnum = enumOf(
  'DmaDirection',
  'Who moves data where. Linux: enum dma_data_direction.',
  {
    TO_DEVICE: 'The device reads memory.',
    FROM_DEVICE: 'The device writes memory.',
    BIDIRECTIONAL: 'Both.',
  },
);

export const FaultModeEnum = enumOf('FaultMode', 'Which kind of remapping can raise a fault reason.', {
  LEGACY: 'DMA remapping in legacy mode.',
  SCALABLE: 'DMA remapping in scalable mode, and faults common to all modes with codes from 0x30.',
  INTERRUPT_REMAPPING: 'Interrupt remapping.',
});

export const CacheKindEnum = enumOf('CacheKind', 'A cache of a remapping unit. VT-d 6.2 "Caching".', {
  CONTEXT: 'Context entries, by requester id.',
  PASID: 'PASID-table entries.',
  IOTLB: 'Finished translations.',
  PAGING_STRUCTURE: 'Pointers to lower tables.',
  DEVICE_TLB: 'Translations a device holds itself (ATS).',
});

export const DescriptorKindEnum = enumOf(
  'InvalidationDescriptorKind',
  'A descriptor of the invalidation queue. VT-d 6.5.2 "Queued Invalidation Interface".',
  {
    CONTEXT_CACHE: 'Drops context entries.',
    IOTLB: 'Drops translations, by domain id.',
    DEVICE_TLB: "Drops translations in a device's own cache.",
    INTERRUPT_ENTRY_CACHE: 'Drops interrupt remapping entries.',
    WAIT: 'Signals when everything before it is done.',
    PASID_IOTLB: 'Drops translations, by domain id and PASID.',
    PASID_CACHE: 'Drops PASID-table entries.',
    PASID_DEVICE_TLB: "Drops a PASID's translations in a device's own cache.",
    PAGE_GROUP_RESPONSE: 'Answers a group of page requests.',
    UNKNOWN: 'A type this unit does not define; always refused.',
  },
);

export const GranularityEnum = enumOf('InvalidationGranularity', 'How much an invalidation drops.', {
  GLOBAL: 'Everything.',
  DOMAIN: 'Everything of a domain id.',
  PAGE: 'A range of pages.',
  DEVICE: 'Everything of a requester id.',
  PASID: 'Everything of a PASID.',
});

export const TopologyChangeEnum = enumOf('TopologyChange', 'What came, went or changed.', {
  PLATFORM_BOOTED: 'The platform finished booting.',
  DEVICE_ADDED: 'A function appeared.',
  DEVICE_REMOVED: 'A function went away.',
  SUBDEVICE_CREATED: 'A subdevice was created.',
  SUBDEVICE_REMOVED: 'A subdevice was removed.',
  GROUP_CREATED: 'A group came into being.',
  GROUP_REMOVED: 'A group lost its last member and is gone; its number can be used again.',
  JOINED_GROUP: 'An endpoint joined a group.',
  LEFT_GROUP: 'An endpoint left its group.',
  DOMAIN_ALLOCATED: 'A domain was allocated.',
  DOMAIN_FREED: 'A domain was freed.',
  FEATURE_ENABLED: 'A device feature was enabled.',
  FEATURE_DISABLED: 'A device feature was disabled.',
  DRIVER_BOUND: 'A driver was bound.',
  DRIVER_UNBOUND: 'A driver was unbound.',
  SVA_BOUND: 'A device began to share the address space of a process.',
  SVA_UNBOUND: 'A device stopped sharing the address space of a process.',
  CONTAINER_OPENED: 'A VFIO container was opened.',
  CONTAINER_CLOSED: 'A VFIO container was closed.',
  VFIO_DEVICE_OPENED: 'A user opened a device of a group it has in a container.',
  VFIO_DEVICE_CLOSED: 'A user closed one.',
});

export const EventKindEnum = enumOf('EventKind', 'A kind of event.', {
  FAULT: 'FaultEvent.',
  INVALIDATION: 'InvalidationEvent.',
  TOPOLOGY: 'TopologyEvent.',
  ATTACHMENT: 'AttachmentEvent.',
  MAPPING: 'MappingEvent.',
  KERNEL_LOG: 'KernelLogEvent.',
  PAGE_REQUEST: 'PageRequestEvent.',
  INTERRUPT: 'InterruptEvent.',
});

export const DmaOutcomeEnum = enumOf('DmaOutcome', 'How a DMA request ended.', {
  COMPLETED: 'Every byte was moved.',
  FAULTED: 'A part of it was refused.',
});

export const DmaTranslationEnum = enumOf(
  'DmaTranslation',
  'The AT field of a request. PCIe Address Translation Services.',
  {
    UNTRANSLATED: 'The address is to be translated.',
    TRANSLATION_REQUEST: 'Asks for a translation; moves no data.',
    TRANSLATED: 'The address is already a host physical one.',
    DEVICE_TLB:
      'What a device with ATS does by itself: it asks for a translation unless its own cache has one, keeps it, and sends a translated request. Without ATS enabled the same as UNTRANSLATED.',
  },
);

export const StreamGapReasonEnum = enumOf('StreamGapReason', 'Why a subscriber missed events.', {
  SLOW_CONSUMER: 'It read too slowly; Platform.events still has them for a while.',
  COMPACTED: 'The log no longer holds them.',
});

export const SeverityEnum = enumOf('Severity', 'How bad a finding is.', {
  INFO: 'Worth knowing.',
  WARNING: 'Something will not work, or is less isolated than it looks.',
  ERROR: 'Something is broken now.',
});

export const DecodedLogKindEnum = enumOf('DecodedLogKind', 'What a line of a kernel log is about.', {
  DMA_FAULT: 'A DMA request an Intel unit refused.',
  INTERRUPT_FAULT: 'An interrupt request an Intel unit refused.',
  FAULT_STATUS: 'The fault status register of an Intel unit, printed before its faults.',
  SUPPRESSED_CALLBACKS: 'The rate limit says how often it refused; one fault can cost several refusals.',
  REMAPPING_UNIT: 'A remapping unit, or the structure that declares it; the address is its register base.',
  RESERVED_MEMORY: 'A reserved memory region (RMRR), or what is wrong with one; the address is its base.',
  GROUP_ASSIGNMENT: 'A device joined a group.',
  OTHER_REMAPPING: 'Anything else the kernel says about remapping, of any vendor.',
  OTHER_VENDOR_FAULT: 'A fault of a unit that is not an Intel one (AMD-Vi, SMMU); it has no VT-d reason.',
  UNPARSED_FAULT: 'Speaks of a fault of an Intel unit, but in no form that is known.',
});

export const MendedByEnum = enumOf('MendedBy', 'What it takes to remove a blocker.', {
  COMMANDS: 'Commands remove it; see repair.',
  OTHER_ARGUMENTS: 'The command asks for something it cannot have; another one can be asked for.',
  ANOTHER_BOOT: 'Another kernel command line, build option or kernel.',
  FIRMWARE: 'Another firmware table or firmware setting.',
  HARDWARE: 'Another machine, card or slot.',
  NOTHING_TO_DO: 'What the command would bring about is so already.',
  UNKNOWN: 'No remedy is known here.',
});

export const RepairVerdictEnum = enumOf('RepairVerdict', 'Whether commands can make a command succeed.', {
  NOT_NEEDED: 'It would succeed as things are.',
  FOUND: 'Commands make it succeed.',
  NONE: 'Nothing that is known removes what is in the way; the reason says what that is.',
  UNDECIDED: 'The search was given up; there may be a repair.',
});

export const ReadinessFeatureEnum = enumOf('ReadinessFeature', 'What a device may be used for.', {
  DMA_REMAPPING: 'Its DMA is translated.',
  INTERRUPT_REMAPPING: 'Its interrupts go through a table.',
  PASSTHROUGH: 'The whole device is given to a process (VFIO).',
  SUBDEVICES: 'Parts of it are given to processes, each behind a PASID (Scalable IOV, AUX).',
  PASID: 'Its requests can carry a PASID.',
  ATS: 'It caches translations itself.',
  PAGE_REQUESTS: 'It asks for pages that are not there (PRI).',
  SHARED_MEMORY: 'It shares the address space of a process (SVA).',
});

export const ReadinessStateEnum = enumOf('ReadinessState', 'Whether a condition holds.', {
  OK: 'It holds.',
  MISSING: 'It does not hold.',
  UNKNOWN: 'What was read off the machine does not say.',
});
