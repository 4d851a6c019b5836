import type { U64 } from '../../bits/u64.js';
import type { Attachment as KernelAttachment } from '../../kernel/iommu/attachment.js';
import type { Domain } from '../../kernel/iommu/domain.js';
import { builder } from '../builder.js';
import {
  AllocDomainInput,
  AttachInput,
  DetachInput,
  FreeDomainInput,
  MapInput,
  UnmapInput,
  askAllocDomain,
  askAttach,
  askDetach,
  askFreeDomain,
  askMap,
  askUnmap,
} from '../commands/domain.js';
import { encodeId } from '../ids.js';
import { DomainRef } from '../refs.js';
import { Attachment } from '../types/node-fields.js';
import { domainView } from '../views.js';
import { payloadType, perform, resultUnion } from './command.js';

const DomainPayload = payloadType<'DomainPayload', Domain>('DomainPayload', 'A domain was allocated.');
DomainPayload.implement((t) => ({
  domain: t.field({
    type: DomainRef,
    description: 'The domain.',
    resolve: ({ platform, value }) => domainView(platform, value),
  }),
}));
const AllocDomainResult = resultUnion('AllocDomainResult', DomainPayload.ref, 'KERNEL');

const FreeDomainPayload = payloadType<'FreeDomainPayload', number>(
  'FreeDomainPayload',
  'A domain was freed.',
);
FreeDomainPayload.implement((t) => ({
  freedId: t.id({
    description: 'The id it had.',
    resolve: ({ platform, value }) => encodeId('Domain', platform.name, value),
  }),
}));
const FreeDomainResult = resultUnion('FreeDomainResult', FreeDomainPayload.ref, 'KERNEL');

type Attached = { readonly attachments: readonly KernelAttachment[]; readonly warnings: readonly string[] };
const AttachPayload = payloadType<'AttachPayload', Attached>('AttachPayload', 'A domain was attached.');
AttachPayload.implement((t) => ({
  attachments: t.field({
    type: [Attachment],
    description: 'One for each member of the target.',
    resolve: ({ platform, value }) => value.attachments.map((it) => ({ platform, it })),
  }),
  warnings: t.stringList({
    description: 'What else this did that the caller may not have meant, each naming who is harmed.',
    resolve: ({ value }) => [...value.warnings],
  }),
}));
const AttachResult = resultUnion('AttachResult', AttachPayload.ref, 'KERNEL');

const DetachPayload = payloadType<'DetachPayload', Domain>('DetachPayload', 'A domain was detached.');
DetachPayload.implement((t) => ({
  domain: t.field({
    type: DomainRef,
    description: 'The domain.',
    resolve: ({ platform, value }) => domainView(platform, value),
  }),
}));
const DetachResult = resultUnion('DetachResult', DetachPayload.ref, 'KERNEL');

const PageCount = builder
  .objectRef<{ readonly pageSize: number; readonly count: number }>('PageCount')
  .implement({
    description: 'How many leaf entries of a size were written.',
    fields: (t) => ({
      pageSize: t.field({
        type: 'ByteSize',
        description: 'Bytes of each page.',
        resolve: ({ pageSize }) => pageSize,
      }),
      count: t.field({ type: 'SequenceNumber', description: 'How many.', resolve: ({ count }) => count }),
    }),
  });

type Mapped = {
  readonly domain: Domain;
  readonly pages: readonly { readonly pageSize: number; readonly count: number }[];
};
const MapPayload = payloadType<'MapPayload', Mapped>('MapPayload', 'A range was mapped.');
MapPayload.implement((t) => ({
  domain: t.field({
    type: DomainRef,
    description: 'The domain.',
    resolve: ({ platform, value }) => domainView(platform, value.domain),
  }),
  pages: t.field({
    type: [PageCount],
    description: 'Leaf entries written, by page size.',
    resolve: ({ value }) => [...value.pages],
  }),
}));
const MapResult = resultUnion('MapResult', MapPayload.ref, 'KERNEL');

const UnmapPayload = payloadType<'UnmapPayload', { readonly domain: Domain; readonly unmapped: U64 }>(
  'UnmapPayload',
  'A range was unmapped.',
);
UnmapPayload.implement((t) => ({
  domain: t.field({
    type: DomainRef,
    description: 'The domain.',
    resolve: ({ platform, value }) => domainView(platform, value.domain),
  }),
  unmapped: t.field({
    type: 'ByteSize',
    description: 'Bytes the kernel reports as unmapped.',
    resolve: ({ value }) => value.unmapped,
  }),
}));
const UnmapResult = resultUnion('UnmapResult', UnmapPayload.ref, 'KERNEL');

builder.mutationFields((t) => ({
  allocDomain: t.field({
    type: AllocDomainResult,
    description: 'Allocates an I/O address space. Linux: iommu_domain_alloc().',
    args: { input: t.arg({ type: AllocDomainInput, required: true, description: 'What to allocate.' }) },
    resolve: (_root, { input }, context) => perform(context, 'DomainPayload', input, askAllocDomain),
  }),
  freeDomain: t.field({
    type: FreeDomainResult,
    description: 'Frees a domain. Linux: iommu_domain_free().',
    args: { input: t.arg({ type: FreeDomainInput, required: true, description: 'What to free.' }) },
    resolve: (_root, { input }, context) => perform(context, 'FreeDomainPayload', input, askFreeDomain),
  }),
  attach: t.field({
    type: AttachResult,
    description:
      'Attaches a domain to a device, a subdevice or a whole group. Linux: iommu_attach_device(), iommu_attach_group().',
    args: { input: t.arg({ type: AttachInput, required: true, description: 'What to attach to what.' }) },
    resolve: (_root, { input }, context) => perform(context, 'AttachPayload', input, askAttach),
  }),
  detach: t.field({
    type: DetachResult,
    description: 'Detaches a domain. Linux: iommu_detach_device(), iommu_detach_group().',
    args: { input: t.arg({ type: DetachInput, required: true, description: 'What to detach from what.' }) },
    resolve: (_root, { input }, context) => perform(context, 'DetachPayload', input, askDetach),
  }),
  map: t.field({
    type: MapResult,
    description: "The IOMMU core's iommu_map. VFIO's rules (no overlap) belong to vfioMapDma.",
    args: { input: t.arg({ type: MapInput, required: true, description: 'What to map.' }) },
    resolve: (_root, { input }, context) => perform(context, 'MapPayload', input, askMap),
  }),
  unmap: t.field({
    type: UnmapResult,
    description:
      "The IOMMU core's iommu_unmap: gives the bytes unmapped, which can be more than were asked for.",
    args: { input: t.arg({ type: UnmapInput, required: true, description: 'What to unmap.' }) },
    resolve: (_root, { input }, context) => perform(context, 'UnmapPayload', input, askUnmap),
  }),
}));
