import type { U64 } from '../../bits/u64.js';
import type { Attachment as KernelAttachment } from '../../kernel/objects.js';
import type { Domain } from '../../kernel/objects.js';
import type { TargetRef } from '../../platform/command.js';
import { builder } from '../builder.js';
import { DmaAccessEnum, DomainTypeEnum } from '../enums.js';
import { encodeId, numberKey, requireId, requireKnownKind } from '../ids.js';
import { DomainRef } from '../refs.js';
import { refusalsAsValues } from '../types/errors.js';
import { Attachment } from '../types/node-fields.js';
import { domainView } from '../views.js';
import { InvalidInputError } from '../../platform/errors.js';
import { payloadType, performCommand, resultUnion } from './command.js';

const REFUSALS = ['KernelError', 'InvalidInputError', 'NotFoundError'] as const;

const DomainPayload = payloadType<'DomainPayload', Domain>('DomainPayload', 'A domain was allocated.');
DomainPayload.implement((t) => ({
  domain: t.field({
    type: DomainRef,
    description: 'The domain.',
    resolve: ({ platform, value }) => domainView(platform, value),
  }),
}));
const AllocDomainResult = resultUnion('AllocDomainResult', DomainPayload.ref, REFUSALS);

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
const FreeDomainResult = resultUnion('FreeDomainResult', FreeDomainPayload.ref, [
  'KernelError',
  'NotFoundError',
]);

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
const AttachResult = resultUnion('AttachResult', AttachPayload.ref, REFUSALS);

const DetachPayload = payloadType<'DetachPayload', Domain>('DetachPayload', 'A domain was detached.');
DetachPayload.implement((t) => ({
  domain: t.field({
    type: DomainRef,
    description: 'The domain.',
    resolve: ({ platform, value }) => domainView(platform, value),
  }),
}));
const DetachResult = resultUnion('DetachResult', DetachPayload.ref, REFUSALS);

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
const MapResult = resultUnion('MapResult', MapPayload.ref, REFUSALS);

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
const UnmapResult = resultUnion('UnmapResult', UnmapPayload.ref, REFUSALS);

const AllocDomainInput = builder.inputType('AllocDomainInput', {
  description: 'What domain to allocate, and from whose operations.',
  fields: (t) => ({
    platform: t.id({ required: true, description: 'Id of the platform.' }),
    bus: t.string({ defaultValue: 'pci', description: 'Bus whose operations allocate it: pci, mdev.' }),
    type: t.field({ type: DomainTypeEnum, defaultValue: 'UNMANAGED', description: 'What it is for.' }),
  }),
});

const FreeDomainInput = builder.inputType('FreeDomainInput', {
  description: 'Which domain to free.',
  fields: (t) => ({ domain: t.id({ required: true, description: 'Id of the domain.' }) }),
});

const attachInput = (name: string, description: string) =>
  builder.inputType(name, {
    description,
    fields: (t) => ({
      domain: t.id({ required: true, description: 'Id of the domain.' }),
      target: t.id({ required: true, description: 'Id of a device, subdevice or group.' }),
    }),
  });
const AttachInput = attachInput('AttachInput', 'What to attach to what.');
const DetachInput = attachInput('DetachInput', 'What to detach from what.');

const MapInput = builder.inputType('MapInput', {
  description: 'A range to map.',
  fields: (t) => ({
    domain: t.id({ required: true, description: 'Id of the domain.' }),
    iova: t.field({ type: 'Address', required: true, description: 'First I/O address.' }),
    physical: t.field({ type: 'Address', required: true, description: 'Where it is to lead.' }),
    size: t.field({ type: 'ByteSize', required: true, description: 'Bytes; a multiple of 4096.' }),
    access: t.field({
      type: [DmaAccessEnum],
      defaultValue: ['READ', 'WRITE'],
      description: 'What to allow; READ and WRITE only.',
    }),
  }),
});

const UnmapInput = builder.inputType('UnmapInput', {
  description: 'A range to unmap.',
  fields: (t) => ({
    domain: t.id({ required: true, description: 'Id of the domain.' }),
    iova: t.field({ type: 'Address', required: true, description: 'First I/O address.' }),
    size: t.field({ type: 'ByteSize', required: true, description: 'Bytes; a multiple of 4096.' }),
  }),
});

/** The target of an attach, which must be on the domain's platform. */
function targetRef(target: string, platform: string): TargetRef {
  const id = requireId(target, ['input', 'target'], 'Device', 'Subdevice', 'Group');
  if (id.platform !== platform) {
    throw new InvalidInputError(
      ['input', 'target'],
      `"${target}" is not on platform "${platform}", where the domain is.`,
    );
  }
  if (id.kind === 'Group') return { kind: 'Group', number: numberKey(id, target) };
  return { kind: id.kind as 'Device' | 'Subdevice', name: id.key };
}

function domainOf(domain: string): { readonly platform: string; readonly domain: number } {
  const id = requireId(domain, ['input', 'domain'], 'Domain');
  return { platform: id.platform, domain: numberKey(id, domain) };
}

builder.mutationFields((t) => ({
  allocDomain: t.field({
    type: AllocDomainResult,
    description: 'Allocates an I/O address space. Linux: iommu_domain_alloc().',
    args: { input: t.arg({ type: AllocDomainInput, required: true, description: 'What to allocate.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const id = requireId(input.platform, ['input', 'platform'], 'Platform');
        return performCommand(context, id.platform, 'DomainPayload', {
          type: 'allocDomain',
          bus: input.bus ?? 'pci',
          domainType: input.type ?? 'UNMANAGED',
        });
      }),
  }),
  freeDomain: t.field({
    type: FreeDomainResult,
    description: 'Frees a domain. Linux: iommu_domain_free().',
    args: { input: t.arg({ type: FreeDomainInput, required: true, description: 'What to free.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const id = requireKnownKind(input.domain, 'Domain');
        return performCommand(context, id.platform, 'FreeDomainPayload', {
          type: 'freeDomain',
          domain: numberKey(id, input.domain),
        });
      }),
  }),
  attach: t.field({
    type: AttachResult,
    description:
      'Attaches a domain to a device, a subdevice or a whole group. Linux: iommu_attach_device(), iommu_attach_group().',
    args: { input: t.arg({ type: AttachInput, required: true, description: 'What to attach to what.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const { platform, domain } = domainOf(input.domain);
        const target = targetRef(input.target, platform);
        return performCommand(context, platform, 'AttachPayload', { type: 'attach', domain, target });
      }),
  }),
  detach: t.field({
    type: DetachResult,
    description: 'Detaches a domain. Linux: iommu_detach_device(), iommu_detach_group().',
    args: { input: t.arg({ type: DetachInput, required: true, description: 'What to detach from what.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const { platform, domain } = domainOf(input.domain);
        const target = targetRef(input.target, platform);
        return performCommand(context, platform, 'DetachPayload', { type: 'detach', domain, target });
      }),
  }),
  map: t.field({
    type: MapResult,
    description: "The IOMMU core's iommu_map. VFIO's rules (no overlap) belong to vfioMapDma.",
    args: { input: t.arg({ type: MapInput, required: true, description: 'What to map.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const { platform, domain } = domainOf(input.domain);
        const access = input.access ?? ['READ', 'WRITE'];
        if (access.includes('EXECUTE')) {
          throw new InvalidInputError(
            ['input', 'access'],
            'iommu_map knows READ and WRITE; VT-d has no execute permission to give.',
          );
        }
        return performCommand(context, platform, 'MapPayload', {
          type: 'map',
          domain,
          iova: input.iova,
          physical: input.physical,
          size: input.size,
          read: access.includes('READ'),
          write: access.includes('WRITE'),
        });
      }),
  }),
  unmap: t.field({
    type: UnmapResult,
    description:
      "The IOMMU core's iommu_unmap: gives the bytes unmapped, which can be more than were asked for.",
    args: { input: t.arg({ type: UnmapInput, required: true, description: 'What to unmap.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const { platform, domain } = domainOf(input.domain);
        return performCommand(context, platform, 'UnmapPayload', {
          type: 'unmap',
          domain,
          iova: input.iova,
          size: input.size,
        });
      }),
  }),
}));
