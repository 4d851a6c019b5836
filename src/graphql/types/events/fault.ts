import { pciAddressOf } from '../../../bits/pci-address.js';
import type { FaultOccurred } from '../../../hardware/events.js';
import { FAULT_REASONS, type FaultReason as Reason, faultReason } from '../../../layout/fault-reasons.js';
import type { StampedEvent } from '../../../platform/event-journal.js';
import { builder } from '../../builder.js';
import { DmaAccessEnum, FaultModeEnum } from '../../enums.js';
import { Endpoint, Event, Node } from '../../interfaces.js';
import { FaultEventRef, IommuUnitRef } from '../../refs.js';
import { EventView, type EndpointView, subjectView, unitView } from '../../views.js';
import type { Platform } from '../../../platform/platform.js';

export const FaultReason = builder.objectRef<Reason>('FaultReason').implement({
  description: 'A condition under which a remapping unit refuses a request. VT-d 7.1.3 "Fault Conditions".',
  fields: (t) => ({
    code: t.exposeInt('code', { description: 'As recorded in the FR field.' }),
    hex: t.string({
      description: 'Hexadecimal, as the kernel prints it: 0x06.',
      resolve: ({ code }) => `0x${code.toString(16).padStart(2, '0')}`,
    }),
    mnemonic: t.exposeString('mnemonic', {
      description: "The specification's short name: LCT.2, SPT.2, ...",
    }),
    text: t.exposeString('text', {
      description: "What it means; the kernel's text where the kernel has one.",
    }),
    mode: t.expose('mode', { type: FaultModeEnum, description: 'Which kind of remapping raises it.' }),
  }),
});

/** The rows of the table, all or of one mode, in order of code. */
export function faultReasonRows(mode: Reason['mode'] | null): Reason[] {
  return FAULT_REASONS.filter((row) => mode === null || row.mode === mode);
}

/** The event behind a view, as the kind the caller knows it is. */
export function eventOf<E>(view: EventView): E {
  return (view.it as StampedEvent).event as E;
}

const ACCESS = {
  READ: 'READ',
  WRITE: 'WRITE',
  EXECUTE: 'EXECUTE',
  ATOMIC: 'WRITE',
  PAGE_REQUEST: 'READ',
  INTERRUPT: 'WRITE',
} as const;

/** The kernel's and the hardware's view of the unit an event happened in. */
export function unitOf(platform: Platform, name: string) {
  const unit = platform.kernel.units.find((candidate) => candidate.name === name);
  if (unit === undefined)
    throw new Error(`an event names unit ${name}, which platform ${platform.name} does not have`);
  return unitView(platform, unit);
}

FaultEventRef.implement({
  description: 'A request the hardware refused and recorded.',
  interfaces: [Node, Event],
  isTypeOf: (value) => value instanceof EventView && value.it.event.type === 'FAULT',
  fields: (t) => ({
    iommuUnit: t.field({
      type: IommuUnitRef,
      description: 'The unit that refused it.',
      resolve: (view) => unitOf(view.platform, eventOf<FaultOccurred>(view).unit),
    }),
    sourceId: t.field({
      type: 'PciAddress',
      description: 'The requester id on the request: a device, or the bridge that stands for it.',
      resolve: (view) => {
        const event = eventOf<FaultOccurred>(view);
        return pciAddressOf(unitOf(view.platform, event.unit).it.segment, event.sourceId);
      },
    }),
    pasid: t.int({
      nullable: true,
      description: 'The PASID on the request; null when it had none.',
      resolve: (view) => eventOf<FaultOccurred>(view).pasid,
    }),
    endpoint: t.field({
      type: Endpoint,
      nullable: true,
      description: 'The device or subdevice behind the request, when one is known.',
      resolve: ({ platform, it }) =>
        it.endpoint === null ? null : (subjectView(platform, it.endpoint) as EndpointView | null),
    }),
    address: t.field({
      type: 'Address',
      description: 'The page it wanted; for an interrupt, the table index.',
      resolve: (view) => eventOf<FaultOccurred>(view).address,
    }),
    access: t.field({
      type: DmaAccessEnum,
      description:
        'What it wanted to do. An AtomicOp and an interrupt count as WRITE, a page request as READ.',
      resolve: (view) => ACCESS[eventOf<FaultOccurred>(view).access],
    }),
    reason: t.field({
      type: FaultReason,
      description: 'Why it was refused.',
      resolve: (view): Reason => {
        const { reason } = eventOf<FaultOccurred>(view);
        const row = faultReason(reason);
        if (row === undefined) throw new Error(`fault reason ${reason} is not in the table`);
        return row;
      },
    }),
    recorded: t.boolean({
      description:
        'False when the fault was not put in a record (overflow, or fault processing disabled for the entry).',
      resolve: (view) => eventOf<FaultOccurred>(view).recorded,
    }),
    kernelLogLine: t.string({
      nullable: true,
      description: 'The line the kernel prints for it; null when rate-limited or not recorded.',
      resolve: ({ it }) => it.kernelLogLine,
    }),
  }),
});
