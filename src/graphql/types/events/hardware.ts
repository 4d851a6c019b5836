import { pciAddressOf } from '../../../bits/pci-address.js';
import type { DescriptorExecuted, InterruptDelivered, PageRequestArrived } from '../../../hardware/events.js';
import { builder } from '../../builder.js';
import { DescriptorKindEnum, GranularityEnum } from '../../enums.js';
import { Event, Node } from '../../interfaces.js';
import { InvalidationEventRef, IommuUnitRef } from '../../refs.js';
import { EventView } from '../../views.js';
import { eventOf, unitOf } from './fault.js';

const isType = (type: string) => (value: unknown) =>
  value instanceof EventView && value.it.event.type === type;

const sourceOf = (view: EventView, event: { unit: string; sourceId: number | null }) =>
  event.sourceId === null ? null : pciAddressOf(unitOf(view.platform, event.unit).it.segment, event.sourceId);

InvalidationEventRef.implement({
  description: 'One descriptor executed by the invalidation queue.',
  interfaces: [Node, Event],
  isTypeOf: isType('INVALIDATION'),
  fields: (t) => ({
    iommuUnit: t.field({
      type: IommuUnitRef,
      description: 'The unit that executed it.',
      resolve: (view) => unitOf(view.platform, eventOf<DescriptorExecuted>(view).unit),
    }),
    descriptor: t.field({
      type: DescriptorKindEnum,
      description: 'Its type.',
      resolve: (view) => eventOf<DescriptorExecuted>(view).descriptor,
    }),
    granularity: t.field({
      type: GranularityEnum,
      nullable: true,
      description: 'How much it drops; null for types without one.',
      resolve: (view) => eventOf<DescriptorExecuted>(view).granularity,
    }),
    domainIdTag: t.int({
      nullable: true,
      description: 'Domain id it names; null when it names none.',
      resolve: (view) => eventOf<DescriptorExecuted>(view).domainIdTag,
    }),
    pasid: t.int({
      nullable: true,
      description: 'PASID it names; null when it names none.',
      resolve: (view) => eventOf<DescriptorExecuted>(view).pasid,
    }),
    sourceId: t.field({
      type: 'PciAddress',
      nullable: true,
      description: 'Requester it names; null when it names none.',
      resolve: (view) => sourceOf(view, eventOf<DescriptorExecuted>(view)),
    }),
    address: t.field({
      type: 'Address',
      nullable: true,
      description: 'First address of the range; null when it has none.',
      resolve: (view) => eventOf<DescriptorExecuted>(view).address,
    }),
    size: t.field({
      type: 'ByteSize',
      nullable: true,
      description: 'Bytes of the range; null when it has none.',
      resolve: (view) => eventOf<DescriptorExecuted>(view).size,
    }),
    words: t.field({
      type: ['Address'],
      description: 'The raw descriptor, two or four words; empty for an invalidation through registers.',
      resolve: (view) => [...eventOf<DescriptorExecuted>(view).words],
    }),
    dropped: t.int({
      description: 'Cached entries it removed.',
      resolve: (view) => eventOf<DescriptorExecuted>(view).dropped,
    }),
    error: t.string({
      nullable: true,
      description: 'Set when the hardware refused the descriptor.',
      resolve: (view) => eventOf<DescriptorExecuted>(view).error,
    }),
  }),
});

export const PageRequestOutcomeEnum = builder.enumType('PageRequestOutcome', {
  description: 'What became of a page request.',
  values: {
    QUEUED: { description: 'Put into the page request queue for software.' },
    ANSWERED_SUCCESS: {
      description: 'Answered Success by the unit itself: the queue was full or in overflow.',
    },
    ANSWERED_INVALID: { description: 'Answered Invalid Request by the unit: it faulted.' },
    DROPPED: { description: 'Dropped without an answer.' },
  } as const,
});

builder.objectRef<EventView>('PageRequestEvent').implement({
  description: 'A device asked for a page (PRI). VT-d 7.4 "Page Requests".',
  interfaces: [Node, Event],
  isTypeOf: isType('PAGE_REQUEST'),
  fields: (t) => ({
    iommuUnit: t.field({
      type: IommuUnitRef,
      description: 'The unit it reached.',
      resolve: (view) => unitOf(view.platform, eventOf<PageRequestArrived>(view).unit),
    }),
    sourceId: t.field({
      type: 'PciAddress',
      nullable: true,
      description: 'Who asked.',
      resolve: (view) => sourceOf(view, eventOf<PageRequestArrived>(view)),
    }),
    pasid: t.int({
      nullable: true,
      description: 'PASID of the request.',
      resolve: (view) => eventOf<PageRequestArrived>(view).pasid,
    }),
    address: t.field({
      type: 'Address',
      description: 'The page.',
      resolve: (view) => eventOf<PageRequestArrived>(view).address,
    }),
    read: t.boolean({
      description: 'Read access wanted.',
      resolve: (view) => eventOf<PageRequestArrived>(view).read,
    }),
    write: t.boolean({
      description: 'Write access wanted.',
      resolve: (view) => eventOf<PageRequestArrived>(view).write,
    }),
    last: t.boolean({
      description: 'Last request of its group.',
      resolve: (view) => eventOf<PageRequestArrived>(view).last,
    }),
    groupIndex: t.int({
      description: 'Page request group, 0 to 511.',
      resolve: (view) => eventOf<PageRequestArrived>(view).groupIndex,
    }),
    outcome: t.field({
      type: PageRequestOutcomeEnum,
      description: 'What became of it.',
      resolve: (view) => eventOf<PageRequestArrived>(view).outcome,
    }),
  }),
});

builder.objectRef<EventView>('InterruptEvent').implement({
  description:
    'A message on its way to a processor, and where remapping sent it. VT-d 5 "Interrupt Remapping".',
  interfaces: [Node, Event],
  isTypeOf: isType('INTERRUPT'),
  fields: (t) => ({
    iommuUnit: t.field({
      type: IommuUnitRef,
      description: 'The unit it passed.',
      resolve: (view) => unitOf(view.platform, eventOf<InterruptDelivered>(view).unit),
    }),
    sourceId: t.field({
      type: 'PciAddress',
      nullable: true,
      description: 'Who sent it; null for the unit itself.',
      resolve: (view) => sourceOf(view, eventOf<InterruptDelivered>(view)),
    }),
    address: t.field({
      type: 'Address',
      description: 'Message address.',
      resolve: (view) => eventOf<InterruptDelivered>(view).address,
    }),
    data: t.field({
      type: 'Address',
      description: 'Message data, 32 bits.',
      resolve: (view) => eventOf<InterruptDelivered>(view).data,
    }),
    index: t.int({
      nullable: true,
      description: 'Entry of the remapping table used; null for a compatibility-format message.',
      resolve: (view) => eventOf<InterruptDelivered>(view).index,
    }),
    vector: t.int({
      nullable: true,
      description: 'Vector delivered.',
      resolve: (view) => eventOf<InterruptDelivered>(view).vector,
    }),
    destination: t.field({
      type: 'Address',
      nullable: true,
      description: 'APIC id delivered to.',
      resolve: (view) => eventOf<InterruptDelivered>(view).destination,
    }),
  }),
});
