import { type U64, u64FromPfn } from '../../bits/u64.js';
import { type VfioIrq, vfioConfigSize, vfioIrqs } from '../../kernel/vfio/device-info.js';
import type { VfioDma } from '../../kernel/vfio/dma-list.js';
import type { IovaRange, Type1 } from '../../kernel/vfio/objects.js';
import { builder } from '../builder.js';
import { DmaAccessEnum, VfioInterruptKindEnum, VfioIommuTypeEnum } from '../enums.js';
import { Endpoint, Node } from '../interfaces.js';
import { DomainRef, GroupRef, PlatformRef, VfioContainerRef } from '../refs.js';
import {
  ContainerView,
  type EndpointView,
  domainView,
  endpointView,
  groupView,
  platformView,
} from '../views.js';
import { pageSizes } from './domain.js';
import { accessList } from './node-fields.js';

const IovaRangeType = builder.objectRef<IovaRange>('IovaRange').implement({
  description: 'A range of I/O addresses a user may map.',
  fields: (t) => ({
    start: t.field({ type: 'Address', description: 'First address.', resolve: ({ start }) => start }),
    last: t.field({ type: 'Address', description: 'Last address.', resolve: ({ last }) => last }),
  }),
});

const VfioMapping = builder.objectRef<VfioDma>('VfioMapping').implement({
  description: 'A mapping as the user made it, whatever pages stand behind it.',
  fields: (t) => ({
    iova: t.field({
      type: 'Address',
      description: 'First I/O address.',
      resolve: ({ pfn }) => u64FromPfn(pfn),
    }),
    vaddr: t.field({
      type: 'Address',
      description: 'First address in the memory of the process.',
      resolve: ({ vpfn }) => u64FromPfn(vpfn),
    }),
    vaddrValid: t.exposeBoolean('vaddrValid', {
      description: 'False while the process has taken the address away (VFIO_UPDATE_VADDR).',
    }),
    size: t.field({
      type: 'ByteSize',
      description: 'Bytes.',
      resolve: ({ pages }): U64 => u64FromPfn(pages),
    }),
    access: t.field({
      type: [DmaAccessEnum],
      description: 'What devices may do.',
      resolve: ({ read, write }) => accessList(read, write),
    }),
  }),
});

const VfioInterrupt = builder.objectRef<VfioIrq>('VfioInterrupt').implement({
  description: 'Interrupts of one kind that a user of a device can have. Linux: VFIO_DEVICE_GET_IRQ_INFO.',
  fields: (t) => ({
    kind: t.expose('kind', { type: VfioInterruptKindEnum, description: 'Which kind.' }),
    index: t.exposeInt('index', { description: 'As the ioctl numbers it.' }),
    count: t.exposeInt('count', { description: 'How many; 0 when the device has none of the kind.' }),
    maskable: t.exposeBoolean('maskable', {
      description: 'The user can mask it, and it is masked by being signalled.',
    }),
    fixedSize: t.exposeBoolean('fixedSize', {
      description: 'How many are in use cannot grow while any is: all are set up at once.',
    }),
  }),
});

const OpenDevice = builder
  .objectRef<{ readonly view: EndpointView; readonly files: number }>('OpenVfioDevice')
  .implement({
    description: 'A device a user has open.',
    fields: (t) => ({
      device: t.field({ type: Endpoint, description: 'The device.', resolve: ({ view }) => view }),
      files: t.exposeInt('files', { description: 'How many files of it are open.' }),
      interrupts: t.field({
        type: [VfioInterrupt],
        description:
          'What its user can have, by index; empty for a subdevice, where the driver of the parent decides.',
        resolve: ({ view: { it } }) => (it.kind === 'Device' ? vfioIrqs(it.fn) : []),
      }),
      configSize: t.field({
        type: 'ByteSize',
        nullable: true,
        description: 'Bytes of configuration space its user reaches; null for a subdevice.',
        resolve: ({ view: { it } }) => (it.kind === 'Device' ? vfioConfigSize(it.fn) : null),
      }),
    }),
  });

function backendOf({ v2, nesting }: Type1): 'TYPE1' | 'TYPE1V2' | 'NESTING' {
  if (nesting) return 'NESTING';
  return v2 ? 'TYPE1V2' : 'TYPE1';
}

VfioContainerRef.implement({
  description: 'A VFIO container: one user address space shared by groups.',
  interfaces: [Node],
  isTypeOf: (value) => value instanceof ContainerView,
  fields: (t) => ({
    platform: t.field({
      type: PlatformRef,
      description: 'The machine it is on.',
      resolve: ({ platform }) => platformView(platform, platform),
    }),
    iommuType: t.field({
      type: VfioIommuTypeEnum,
      nullable: true,
      description: 'Its backend; null until one is set, and again when the last group has left.',
      resolve: ({ it }) => (it.iommu === null ? null : backendOf(it.iommu)),
    }),
    groups: t.field({
      type: [GroupRef],
      description: 'The groups in it, in the order they were added.',
      resolve: ({ platform, it }) => it.groups.map((group) => groupView(platform, group)).reverse(),
    }),
    supports: t.boolean({
      description: 'What the ioctl VFIO_CHECK_EXTENSION answers.',
      args: {
        extension: t.arg.int({
          required: true,
          description:
            'Number of the question: 1, 3 and 6 are the backends, 4 coherent DMA, 9 VFIO_UNMAP_ALL, 10 VFIO_UPDATE_VADDR.',
        }),
      },
      resolve: ({ platform, it }, { extension }) => platform.kernel.vfio.supports(it, extension),
    }),
    openDevices: t.field({
      type: [OpenDevice],
      description: 'Devices of its groups that a user has open, in the order they were opened.',
      resolve: ({ platform, it }) =>
        [...it.openDevices].map(([device, files]) => ({ view: endpointView(platform, device), files })),
    }),
    domains: t.field({
      type: [DomainRef],
      description: 'The domains behind it: groups whose drivers and snooping agree share one. Newest first.',
      resolve: ({ platform, it }) =>
        (it.iommu?.domains ?? []).map(({ domain }) => domainView(platform, domain)),
    }),
    pageSizes: t.field({
      type: ['ByteSize'],
      description: 'Page sizes all its domains have, smallest first; empty before an IOMMU type is set.',
      resolve: ({ platform, it }) => pageSizes(platform.kernel.vfio.pageSizesOf(it)),
    }),
    iovaRanges: t.field({
      type: [IovaRangeType],
      description: 'Ranges a user may map; empty when nothing is limited or no IOMMU type is set.',
      resolve: ({ it }) => [...(it.iommu?.iovaRanges ?? [])],
    }),
    mappings: t.field({
      type: [VfioMapping],
      description: 'What the user mapped, in order of I/O address.',
      resolve: ({ it }) => [...(it.iommu?.dmas.all() ?? [])],
    }),
    recordsDirtyPages: t.boolean({
      description: 'Pages that may have been written are recorded (vfioDirtyPages).',
      resolve: ({ it }) => it.iommu !== null && it.iommu.dirty !== null,
    }),
    lockedMemory: t.field({
      type: 'ByteSize',
      description:
        'Bytes its mappings pin, which count against the process; the same page counts for each mapping.',
      resolve: ({ it }) =>
        u64FromPfn(it.iommu === null || it.iommu.domains.length === 0 ? 0 : it.iommu.dmas.pages),
    }),
    lockedMemoryLimit: t.field({
      type: 'ByteSize',
      nullable: true,
      description: 'How many it may pin (RLIMIT_MEMLOCK); null for any number.',
      resolve: ({ it: { userMemory } }) =>
        userMemory.lockLimit === null ? null : u64FromPfn(userMemory.lockLimit),
    }),
    dmaEntriesAvailable: t.int({
      description: 'Mappings that can still be made, whatever their size.',
      resolve: ({ platform, it }) => platform.kernel.vfio.entriesAvailable(it),
    }),
  }),
});
