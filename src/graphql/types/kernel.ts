import type { IommuOps as Ops } from '../../kernel/iommu/iommu-ops.js';
import type { Bus as KernelBus } from '../../kernel/iommu/bus.js';
import type { Platform } from '../../platform/platform.js';
import { builder } from '../builder.js';
import {
  AuxRequirementEnum,
  BusOrganisationEnum,
  DomainTypeEnum,
  KernelProfileEnum,
  ParentLookupEnum,
  SubdeviceModelEnum,
} from '../enums.js';

const KernelOption = builder
  .objectRef<{ name: string; value: string; selectedBy: string | null }>('KernelOption')
  .implement({
    description: 'An effective build option.',
    fields: (t) => ({
      name: t.exposeString('name', { description: 'With CONFIG_.' }),
      value: t.exposeString('value', { description: 'y, n, m or a number.' }),
      selectedBy: t.exposeString('selectedBy', {
        nullable: true,
        description: 'The option whose `select` forces this value; null when it was set or is the default.',
      }),
    }),
  });

const ReviewForks = builder.objectRef<Platform>('ReviewForks').implement({
  description: 'The questions of the review, each a switch.',
  fields: (t) => ({
    parentLookup: t.field({
      type: ParentLookupEnum,
      description: 'How the parent of a subdevice is found.',
      resolve: ({ header }) => header.kernel.parentLookup,
    }),
    auxRequirement: t.field({
      type: AuxRequirementEnum,
      description: 'What happens when the parent has not enabled the AUX feature.',
      resolve: ({ header }) => header.kernel.auxRequirement,
    }),
    busOrganisation: t.field({
      type: BusOrganisationEnum,
      description: 'Whose operations serve a subdevice when vendors or parent buses differ.',
      resolve: ({ header }) => header.kernel.busOrganisation,
    }),
  }),
});

export const KernelRef = builder.objectRef<Platform>('Kernel').implement({
  description:
    'The simulated kernel: which behaviour, which options, which answers to the questions the series left open.',
  fields: (t) => ({
    profile: t.field({
      type: KernelProfileEnum,
      description: "Which kernel's rules and log texts apply.",
      resolve: ({ header }) => header.kernel.profile,
    }),
    commandLine: t.string({
      description: 'The boot command line.',
      resolve: ({ header }) => header.kernel.commandLine,
    }),
    options: t.field({
      type: [KernelOption],
      description:
        'Effective build options that matter to DMA remapping, with the option that selected each.',
      resolve: ({ kernel }) => kernel.options(),
    }),
    scalableMode: t.boolean({
      description: 'Whether the kernel uses scalable-mode tables.',
      resolve: ({ kernel }) => kernel.scalableMode,
    }),
    scalableModeReason: t.string({
      description: 'Why scalable mode is on or off.',
      resolve: ({ kernel }) => kernel.scalableModeReason,
    }),
    subdeviceOps: t.boolean({
      description: 'Whether the Intel subdevice bus operations are registered (the gate of intel_siov_init).',
      resolve: ({ kernel }) => kernel.subdeviceOpsRegistered,
    }),
    subdeviceModel: t.field({
      type: SubdeviceModelEnum,
      description: 'How a subdevice gets its translation.',
      resolve: ({ header }) => header.kernel.subdeviceModel,
    }),
    tableMemory: t.field({
      type: 'ByteSize',
      description: 'Host memory for translation tables and queues.',
      resolve: ({ kernel }) => kernel.tableMemory,
    }),
    tableMemoryUsed: t.field({
      type: 'ByteSize',
      description: 'How much of it is in use.',
      resolve: ({ kernel }) => kernel.tableMemoryUsed,
    }),
    forks: t.field({
      type: ReviewForks,
      description: "This kernel's answers to the review.",
      resolve: (platform) => platform,
    }),
  }),
});

export const IommuOps = builder.objectRef<Ops>('IommuOps').implement({
  description: 'A table of operations a vendor driver registered.',
  fields: (t) => ({
    name: t.exposeString('name', {
      description: 'Name of the table in the driver, such as intel_iommu_ops.',
    }),
    vendor: t.exposeString('vendor', { description: 'Who registered it.' }),
    pageSizeBitmap: t.expose('pageSizeBitmap', {
      type: 'Address',
      description: 'Bit n set: pages of 2^n bytes are accepted.',
    }),
    domainTypes: t.field({
      type: [DomainTypeEnum],
      description: 'Domain types it can allocate.',
      resolve: (ops) => [...ops.domainTypes],
    }),
  }),
});

export const Bus = builder.objectRef<KernelBus>('Bus').implement({
  description: 'A bus type known to the IOMMU core.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'pci, mdev, ...' }),
    iommuOps: t.field({
      type: IommuOps,
      nullable: true,
      description: 'The operations registered for the bus; null when none are.',
      resolve: (bus) => bus.iommuOps,
    }),
  }),
});
