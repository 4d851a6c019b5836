import type {
  AttachmentChanged,
  KernelLogged,
  MappingChanged,
  TopologyChanged,
} from '../../../kernel/events.js';
import { builder } from '../../builder.js';
import { AttachmentKindEnum, DmaAccessEnum, TopologyChangeEnum } from '../../enums.js';
import { encodeId } from '../../ids.js';
import { Event, Node } from '../../interfaces.js';
import { EventView, platformView, subjectId, subjectView } from '../../views.js';
import { accessList } from '../node-fields.js';
import { eventOf } from './fault.js';

const isType = (type: string) => (value: unknown) =>
  value instanceof EventView && value.it.event.type === type;

builder.objectRef<EventView>('TopologyEvent').implement({
  description: 'An endpoint, group or domain came or went, or its binding changed.',
  interfaces: [Node, Event],
  isTypeOf: isType('TOPOLOGY'),
  fields: (t) => ({
    change: t.field({
      type: TopologyChangeEnum,
      description: 'What happened.',
      resolve: (view) => eventOf<TopologyChanged>(view).change,
    }),
    subject: t.field({
      type: Node,
      nullable: true,
      description: 'The object concerned; null when it no longer exists.',
      resolve: (view) => {
        const { subject } = eventOf<TopologyChanged>(view);
        return subject === null
          ? platformView(view.platform, view.platform)
          : subjectView(view.platform, subject);
      },
    }),
    subjectId: t.id({
      description: 'Id of the object concerned, also when it no longer exists.',
      resolve: (view) => subjectId(view.platform, eventOf<TopologyChanged>(view).subject),
    }),
  }),
});

builder.objectRef<EventView>('AttachmentEvent').implement({
  description: 'A domain was attached to or detached from an endpoint.',
  interfaces: [Node, Event],
  isTypeOf: isType('ATTACHMENT'),
  fields: (t) => ({
    attached: t.boolean({
      description: 'True for an attach, false for a detach.',
      resolve: (view) => eventOf<AttachmentChanged>(view).attached,
    }),
    domainId: t.id({
      description: 'Id of the domain.',
      resolve: (view) => encodeId('Domain', view.platform.name, eventOf<AttachmentChanged>(view).domain),
    }),
    endpointId: t.id({
      description: 'Id of the endpoint.',
      resolve: (view) => subjectId(view.platform, eventOf<AttachmentChanged>(view).endpoint),
    }),
    kind: t.field({
      type: AttachmentKindEnum,
      description: 'How it was attached.',
      resolve: (view) => eventOf<AttachmentChanged>(view).kind,
    }),
    pasid: t.int({
      nullable: true,
      description: 'The PASID; null for a primary attachment.',
      resolve: (view) => eventOf<AttachmentChanged>(view).pasid,
    }),
  }),
});

builder.objectRef<EventView>('MappingEvent').implement({
  description: 'A range was mapped or unmapped.',
  interfaces: [Node, Event],
  isTypeOf: isType('MAPPING'),
  fields: (t) => ({
    mapped: t.boolean({
      description: 'True for map, false for unmap.',
      resolve: (view) => eventOf<MappingChanged>(view).mapped,
    }),
    domainId: t.id({
      description: 'Id of the domain.',
      resolve: (view) => encodeId('Domain', view.platform.name, eventOf<MappingChanged>(view).domain),
    }),
    iova: t.field({
      type: 'Address',
      description: 'First I/O address.',
      resolve: (view) => eventOf<MappingChanged>(view).iova,
    }),
    physical: t.field({
      type: 'Address',
      nullable: true,
      description: 'Where it leads; null for unmap.',
      resolve: (view) => eventOf<MappingChanged>(view).physical,
    }),
    size: t.field({
      type: 'ByteSize',
      description: 'Bytes.',
      resolve: (view) => eventOf<MappingChanged>(view).size,
    }),
    access: t.field({
      type: [DmaAccessEnum],
      description: 'What was allowed; empty for unmap.',
      resolve: (view) => {
        const { read, write } = eventOf<MappingChanged>(view);
        return accessList(read, write);
      },
    }),
  }),
});

builder.objectRef<EventView>('KernelLogEvent').implement({
  description: 'A line of the kernel log.',
  interfaces: [Node, Event],
  isTypeOf: isType('KERNEL_LOG'),
  fields: (t) => ({
    text: t.string({
      description: 'The line, without time stamp and level.',
      resolve: (view) => eventOf<KernelLogged>(view).text,
    }),
  }),
});
