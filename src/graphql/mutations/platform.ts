import type { ImportWarning as Warning } from '../../firmware/description.js';
import { createFromTemplate, importMachine } from '../../platform/create.js';
import type { KernelChoice } from '../../platform/kernel-choice.js';
import type { Platform } from '../../platform/platform.js';
import { builder } from '../builder.js';
import {
  AuxRequirementEnum,
  BusOrganisationEnum,
  KernelProfileEnum,
  ParentLookupEnum,
  SubdeviceModelEnum,
} from '../enums.js';
import { keyField, requestArgs, termsOf } from '../commands/asked.js';
import { encodeId, requireKnownKind } from '../ids.js';
import { refusalsAsValues } from '../types/errors.js';
import type { PayloadShape } from '../types/payloads.js';
import { payloadType, resultUnion } from './command.js';

const ImportWarning = builder.objectRef<Warning>('ImportWarning').implement({
  description: 'Something an import could not read, had to assume, or found wrong.',
  fields: (t) => ({
    source: t.exposeString('source', {
      description: 'Which part of the input: dmar, pci, iommuGroups, iommuUnits, kernelLog, bundle.',
    }),
    line: t.int({
      nullable: true,
      description: 'Line of that part, from 1; null when it has no lines.',
      resolve: ({ line }) => line,
    }),
    message: t.exposeString('message', { description: 'One sentence.' }),
  }),
});

export const PlatformPayload = payloadType<'PlatformPayload', Platform>(
  'PlatformPayload',
  'A platform was built and booted.',
);
PlatformPayload.implement((t) => ({
  warnings: t.field({
    type: [ImportWarning],
    description: 'What the import could not read, had to assume, or found wrong; empty for templates.',
    resolve: ({ value }) => [...value.header.warnings],
  }),
}));
export const PlatformResult = resultUnion('PlatformResult', PlatformPayload.ref, 'NO_KERNEL');

interface DeletedShape {
  readonly __typename: 'DeletePlatformPayload';
  readonly deletedId: string;
}
const DeletePlatformPayload = builder.objectRef<DeletedShape>('DeletePlatformPayload').implement({
  description: 'A platform and its log are gone.',
  isTypeOf: (value) => (value as Partial<DeletedShape>).__typename === 'DeletePlatformPayload',
  fields: (t) => ({ deletedId: t.exposeID('deletedId', { description: 'The id it had.' }) }),
});
const DeletePlatformResult = resultUnion('DeletePlatformResult', DeletePlatformPayload, 'NO_KERNEL');

const KernelOptionInput = builder.inputType('KernelOptionInput', {
  description: 'A build option.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'With or without CONFIG_.' }),
    value: t.string({ required: true, description: 'y, n, m or a number.' }),
  }),
});

const KernelInput = builder.inputType('KernelInput', {
  description: 'Which kernel to boot, and how.',
  fields: (t) => ({
    profile: t.field({
      type: KernelProfileEnum,
      defaultValue: 'V5_10',
      description: "Which kernel's rules and log texts apply.",
    }),
    commandLine: t.string({ description: "Appended to the template's command line." }),
    options: t.field({
      type: [KernelOptionInput],
      description:
        'Build options by name, with or without CONFIG_; INTEL_IOMMU_SUBDEVICE is another name of INTEL_IOMMU_SCALABLE_IOV.',
    }),
    subdeviceModel: t.field({
      type: SubdeviceModelEnum,
      defaultValue: 'MDEV_BUS_OPS',
      description: 'How a subdevice gets its translation.',
    }),
    parentLookup: t.field({
      type: ParentLookupEnum,
      defaultValue: 'MDEV_BUS_ONLY',
      description: 'How the parent of a subdevice is found.',
    }),
    auxRequirement: t.field({
      type: AuxRequirementEnum,
      defaultValue: 'FALL_BACK_TO_PRIMARY',
      description: 'What happens when the parent has not enabled the AUX feature.',
    }),
    busOrganisation: t.field({
      type: BusOrganisationEnum,
      defaultValue: 'ONE_OPS_PER_BUS',
      description: 'Whose operations serve a subdevice when vendors or parent buses differ.',
    }),
    dmaEntryLimit: t.int({ defaultValue: 65535, description: 'vfio_iommu_type1.dma_entry_limit.' }),
    tableMemory: t.field({
      type: 'ByteSize',
      description:
        'Host memory for translation tables and queues, 16 MiB or more; 1 GiB when left out, which maps 512 GiB in pages of 4 KiB, and a quarter of the memory at most. When it is used up, commands that need a table are refused with ENOMEM, or EIO where the kernel says that.',
    }),
  }),
});

const CreatePlatformInput = builder.inputType('CreatePlatformInput', {
  description: 'A machine to build from a template.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'A name that is not taken.' }),
    ...keyField(t),
    template: t.string({
      required: true,
      description: 'Name of a template, as platformTemplates lists them.',
    }),
    kernel: t.field({
      type: KernelInput,
      description: 'Which kernel to boot; the one the series was posted for when left out.',
    }),
  }),
});

const ImportPlatformInput = builder.inputType('ImportPlatformInput', {
  description: 'Each part may be left out; what is missing is said in the warnings.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'A name that is not taken.' }),
    ...keyField(t),
    dmar: t.string({
      description:
        'ACPI DMAR table: base64 of the raw bytes, or the text of acpidump or of a disassembly with raw data.',
    }),
    pci: t.string({
      description:
        'Text of lspci with configuration space (-xxxx or -vvvxxxx) or verbose text (-vvv), domain numbers optional; with -P or -PP too, where bridges show their buses.',
    }),
    iommuGroups: t.string({
      description:
        "A listing of /sys/kernel/iommu_groups (find, ls -R, ls -l, tree), lines 'IOMMU Group N address ...', or what the kernel logged of groups. Compared with the computed groups.",
    }),
    iommuUnits: t.string({
      description:
        "A listing of /sys/class/iommu: per unit its address, cap, ecap and version. Without it they are read from the kernel log's dmarN lines, else stated defaults apply.",
    }),
    mdevTypes: t.string({
      description:
        'A listing of subdevice types: mdevctl types (text or JSON), grep over /sys/class/mdev_bus, or lines of type, parent, name, description. What cannot be used is a warning.',
    }),
    mdevDevices: t.string({
      description:
        'A listing of subdevices that exist: mdevctl list (text or JSON; without -d). They are made again at the end of the boot.',
    }),
    kernelLog: t.string({ description: 'Text of dmesg.' }),
    bundle: t.string({
      description: 'One text bundle as the capture script writes it, in place of the parts above.',
    }),
    kernel: t.field({
      type: KernelInput,
      description: 'Which kernel to boot; the one the series was posted for when left out.',
    }),
  }),
});

type Nullable<T> = { readonly [K in keyof T]?: T[K] | null };

/** Drops what was left out or null. */
function given<T extends object>(input: Nullable<T> | null | undefined): T {
  return Object.fromEntries(Object.entries(input ?? {}).filter(([, value]) => value != null)) as T;
}

function payload(platform: Platform): PayloadShape<'PlatformPayload', Platform> {
  return {
    __typename: 'PlatformPayload',
    platform,
    revision: 0,
    firstSequence: 1,
    lastSequence: platform.lastBootSequence,
    value: platform,
  };
}

builder.mutationFields((t) => ({
  createPlatform: t.field({
    type: PlatformResult,
    description: 'Builds and boots a machine from a template.',
    args: { input: t.arg({ type: CreatePlatformInput, required: true, description: 'What to build.' }) },
    resolve: (_root, { input }, { host }) =>
      refusalsAsValues(async () => {
        const { request } = termsOf('createPlatform', input);
        const kernel = given<KernelChoice>(input.kernel);
        return payload(await createFromTemplate(host, input.name, input.template, kernel, request));
      }),
  }),
  importPlatform: t.field({
    type: PlatformResult,
    description: 'Builds and boots a machine from what was read off a real one.',
    args: { input: t.arg({ type: ImportPlatformInput, required: true, description: 'What was read.' }) },
    resolve: (_root, { input }, { host }) =>
      refusalsAsValues(async () => {
        const { request } = termsOf('importPlatform', input);
        const { name, kernel, idempotencyKey: _key, ...parts } = input;
        return payload(await importMachine(host, name, given(parts), given<KernelChoice>(kernel), request));
      }),
  }),
  deletePlatform: t.field({
    type: DeletePlatformResult,
    description: 'Forgets a platform and its log. Streams that follow it end.',
    args: { id: t.arg.id({ required: true, description: 'Id of the platform.' }), ...requestArgs(t.arg) },
    resolve: (_root, args, { host }) =>
      refusalsAsValues(async (): Promise<DeletedShape> => {
        const { platform } = requireKnownKind(args.id, 'Platform');
        await host.delete(platform, termsOf('deletePlatform', args, []));
        return { __typename: 'DeletePlatformPayload', deletedId: encodeId('Platform', platform, '') };
      }),
  }),
}));
