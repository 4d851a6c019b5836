import type { TargetRef } from '../../platform/command.js';
import { InvalidInputError } from '../../platform/errors.js';
import { builder } from '../builder.js';
import { DmaAccessEnum, DomainTypeEnum } from '../enums.js';
import { numberKey, requireId, requireKnownKind } from '../ids.js';
import { type Asked, requestFields } from './asked.js';

export const AllocDomainInput = builder.inputType('AllocDomainInput', {
  description: 'What domain to allocate, and from whose operations.',
  fields: (t) => ({
    platform: t.id({ required: true, description: 'Id of the platform.' }),
    bus: t.string({ defaultValue: 'pci', description: 'Bus whose operations allocate it: pci, mdev.' }),
    type: t.field({ type: DomainTypeEnum, defaultValue: 'UNMANAGED', description: 'What it is for.' }),
    ...requestFields(t),
  }),
});

export const FreeDomainInput = builder.inputType('FreeDomainInput', {
  description: 'Which domain to free.',
  fields: (t) => ({
    domain: t.id({ required: true, description: 'Id of the domain.' }),
    ...requestFields(t),
  }),
});

const attachInput = (name: string, description: string) =>
  builder.inputType(name, {
    description,
    fields: (t) => ({
      domain: t.id({ required: true, description: 'Id of the domain.' }),
      target: t.id({ required: true, description: 'Id of a device, subdevice or group.' }),
      ...requestFields(t),
    }),
  });
export const AttachInput = attachInput('AttachInput', 'What to attach to what.');
export const DetachInput = attachInput('DetachInput', 'What to detach from what.');

export const MapInput = builder.inputType('MapInput', {
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
    ...requestFields(t),
  }),
});

export const UnmapInput = builder.inputType('UnmapInput', {
  description: 'A range to unmap.',
  fields: (t) => ({
    domain: t.id({ required: true, description: 'Id of the domain.' }),
    iova: t.field({ type: 'Address', required: true, description: 'First I/O address.' }),
    size: t.field({ type: 'ByteSize', required: true, description: 'Bytes; a multiple of 4096.' }),
    ...requestFields(t),
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

export function askAllocDomain(input: typeof AllocDomainInput.$inferInput): Asked<'allocDomain'> {
  const { platform } = requireId(input.platform, ['input', 'platform'], 'Platform');
  const bus = input.bus ?? 'pci';
  return { platform, command: { type: 'allocDomain', bus, domainType: input.type ?? 'UNMANAGED' } };
}

export function askFreeDomain(input: typeof FreeDomainInput.$inferInput): Asked<'freeDomain'> {
  const id = requireKnownKind(input.domain, 'Domain');
  return { platform: id.platform, command: { type: 'freeDomain', domain: numberKey(id, input.domain) } };
}

export function askAttach(input: typeof AttachInput.$inferInput): Asked<'attach'> {
  const { platform, domain } = domainOf(input.domain);
  return { platform, command: { type: 'attach', domain, target: targetRef(input.target, platform) } };
}

export function askDetach(input: typeof DetachInput.$inferInput): Asked<'detach'> {
  const { platform, domain } = domainOf(input.domain);
  return { platform, command: { type: 'detach', domain, target: targetRef(input.target, platform) } };
}

export function askMap(input: typeof MapInput.$inferInput): Asked<'map'> {
  const { platform, domain } = domainOf(input.domain);
  const { iova, physical, size } = input;
  const access = input.access ?? ['READ', 'WRITE'];
  if (access.includes('EXECUTE')) {
    throw new InvalidInputError(
      ['input', 'access'],
      'iommu_map knows READ and WRITE; VT-d has no execute permission to give.',
    );
  }
  const [read, write] = [access.includes('READ'), access.includes('WRITE')];
  return { platform, command: { type: 'map', domain, iova, physical, size, read, write } };
}

export function askUnmap(input: typeof UnmapInput.$inferInput): Asked<'unmap'> {
  const { platform, domain } = domainOf(input.domain);
  return { platform, command: { type: 'unmap', domain, iova: input.iova, size: input.size } };
}
