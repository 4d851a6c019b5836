import type { Attachment as KernelAttachment } from '../../kernel/iommu/attachment.js';
import type { ReservedRegion as Region } from '../../kernel/iommu/reserved-region.js';
import type { Platform } from '../../platform/platform.js';
import { builder } from '../builder.js';
import { AttachmentKindEnum, DmaAccessEnum, ReservedRegionTypeEnum } from '../enums.js';
import { eventCursor } from '../event-cursor.js';
import { Endpoint, Event } from '../interfaces.js';
import { DeviceRef, DomainRef, GroupRef, IommuUnitRef, PlatformRef } from '../refs.js';
import { deviceView, domainView, endpointView, groupView, platformView, unitView } from '../views.js';
import { Bus } from './kernel.js';

/** READ and WRITE as a list, in that order. */
export function accessList(read: boolean, write: boolean): ('READ' | 'WRITE')[] {
  return [...(read ? (['READ'] as const) : []), ...(write ? (['WRITE'] as const) : [])];
}

export const ReservedRegion = builder.objectRef<Region>('ReservedRegion').implement({
  description: 'A range of I/O addresses that is not free to use. Linux: iommu_get_resv_regions().',
  fields: (t) => ({
    start: t.expose('start', { type: 'Address', description: 'First byte.' }),
    last: t.expose('last', { type: 'Address', description: 'Last byte, inclusive.' }),
    type: t.expose('type', { type: ReservedRegionTypeEnum, description: 'Why it is reserved.' }),
    access: t.field({
      type: [DmaAccessEnum],
      description: 'Access the device must keep; empty for interrupt windows.',
      resolve: ({ read, write }) => accessList(read, write),
    }),
  }),
});

export const Attachment = builder
  .objectRef<{ readonly platform: Platform; readonly it: KernelAttachment }>('Attachment')
  .implement({
    description: 'A domain attached to an endpoint.',
    fields: (t) => ({
      domain: t.field({
        type: DomainRef,
        description: 'The address space.',
        resolve: ({ platform, it }) => domainView(platform, it.domain),
      }),
      endpoint: t.field({
        type: Endpoint,
        description: 'Whose requests it translates.',
        resolve: ({ platform, it }) => endpointView(platform, it.endpoint),
      }),
      device: t.field({
        type: DeviceRef,
        description: 'The physical device whose tables were changed.',
        resolve: ({ platform, it }) => deviceView(platform, it.device),
      }),
      kind: t.field({
        type: AttachmentKindEnum,
        description: 'How it is attached.',
        resolve: ({ it }) => it.kind,
      }),
      pasid: t.int({
        nullable: true,
        description: 'The PASID it translates; null for requests without one.',
        resolve: ({ it }) => it.pasid,
      }),
      domainIdTag: t.int({
        description: 'The domain id (DID) this unit tags its cached entries with.',
        resolve: ({ it }) => it.domainIdTag,
      }),
      iommuUnit: t.field({
        type: IommuUnitRef,
        description: 'The remapping unit.',
        resolve: ({ platform, it }) => unitView(platform, it.unit),
      }),
    }),
  });

builder.interfaceFields(Endpoint, (t) => ({
  bus: t.field({ type: Bus, description: 'The bus it is on.', resolve: ({ it }) => it.bus }),
  platform: t.field({
    type: PlatformRef,
    description: 'The machine it belongs to.',
    resolve: ({ platform }) => platformView(platform, platform),
  }),
  iommuUnit: t.field({
    type: IommuUnitRef,
    nullable: true,
    description: "The unit its requests pass (for a subdevice, its parent's); null when none covers it.",
    resolve: ({ platform, it }) => (it.unit === null ? null : unitView(platform, it.unit)),
  }),
  group: t.field({
    type: GroupRef,
    nullable: true,
    description: 'Its isolation group; null when probing gave it none.',
    resolve: ({ platform, it }) => (it.group === null ? null : groupView(platform, it.group)),
  }),
  domain: t.field({
    type: DomainRef,
    nullable: true,
    description: 'The domain that translates its untagged requests (a device) or its requests (a subdevice).',
    resolve: ({ platform, it }) => {
      const domain = 'uuid' in it ? it.domain : it.primaryDomain;
      return domain === null ? null : domainView(platform, domain);
    },
  }),
  reservedRegions: t.field({
    type: [ReservedRegion],
    description: 'Ranges its domain must leave alone; a subdevice shows those of its parent.',
    resolve: ({ platform, it }) => platform.kernel.reservedRegions(it),
  }),
}));

builder.interfaceFields(Event, (t) => ({
  sequence: t.field({
    type: 'SequenceNumber',
    description: "Its number in the platform's history: 1, 2, 3, ...",
    resolve: ({ it }) => it.sequence,
  }),
  cursor: t.field({
    type: 'Cursor',
    description: 'Resume a stream or a list after this event with it.',
    resolve: ({ platform, it }) => eventCursor(platform, it.sequence),
  }),
  revision: t.field({
    type: 'SequenceNumber',
    description: 'The command that caused it; 0 for booting.',
    resolve: ({ it }) => it.revision,
  }),
  recordedAt: t.field({
    type: 'DateTime',
    description: 'When the command was accepted.',
    resolve: ({ it }) => it.recordedAt,
  }),
  platform: t.field({
    type: PlatformRef,
    description: 'Where it happened.',
    resolve: ({ platform }) => platformView(platform, platform),
  }),
}));
