import { type U64, u64ToNumber } from '../../bits/u64.js';
import type { InterruptResult } from '../../hardware/interrupts.js';
import type { PageRequestOutcome } from '../../hardware/page-requests.js';
import { InvalidInputError } from '../../platform/errors.js';
import { builder } from '../builder.js';
import { DmaAccessEnum, DmaOutcomeEnum } from '../enums.js';
import { requireId } from '../ids.js';
import { refusalsAsValues } from '../types/errors.js';
import { PageRequestOutcomeEnum } from '../types/events/hardware.js';
import { payloadType, performCommand, resultUnion } from './command.js';

/** Most words one poke writes or peek reads: one page. */
export const MAX_WORDS = 512;

/** Where host addresses end: the widest the architecture allows. */
const HOST_ADDRESS_LIMIT = 2 ** 52;

const HardwarePayload = payloadType<'HardwarePayload', null>(
  'HardwarePayload',
  'Memory or a register was written, or a descriptor submitted; the events say what came of it.',
);
HardwarePayload.implement(undefined);
const HardwareResult = resultUnion('HardwareResult', HardwarePayload.ref, [
  'InvalidInputError',
  'NotFoundError',
]);

const PageRequestPayload = payloadType<'PageRequestPayload', PageRequestOutcome>(
  'PageRequestPayload',
  'A page request was sent.',
);
PageRequestPayload.implement((t) => ({
  outcome: t.field({
    type: PageRequestOutcomeEnum,
    description: 'What the unit did with it.',
    resolve: ({ value }) => value,
  }),
}));
const RequestPageResult = resultUnion('RequestPageResult', PageRequestPayload.ref, [
  'InvalidInputError',
  'NotFoundError',
]);

const InterruptPayload = payloadType<'InterruptPayload', InterruptResult>(
  'InterruptPayload',
  'An interrupt message was sent.',
);
InterruptPayload.implement((t) => ({
  outcome: t.field({
    type: DmaOutcomeEnum,
    description: 'COMPLETED when it was delivered or posted, FAULTED when remapping blocked it.',
    resolve: ({ value }) => (value.kind === 'BLOCKED' ? 'FAULTED' : 'COMPLETED'),
  }),
  vector: t.int({
    nullable: true,
    description: 'Vector delivered; null when it was blocked or passed unremapped.',
    resolve: ({ value }) => (value.kind === 'BLOCKED' ? null : value.vector),
  }),
}));
const SignalInterruptResult = resultUnion('SignalInterruptResult', InterruptPayload.ref, [
  'InvalidInputError',
  'NotFoundError',
]);

const PokeMemoryInput = builder.inputType('PokeMemoryInput', {
  description: 'Words to write into simulated physical memory.',
  fields: (t) => ({
    platform: t.id({ required: true, description: 'Id of the platform.' }),
    address: t.field({
      type: 'Address',
      required: true,
      description: 'Host physical address, a multiple of 8.',
    }),
    words: t.field({
      type: ['Address'],
      required: true,
      description: '1 to 512 64-bit words, in address order.',
    }),
  }),
});

const WriteRegisterInput = builder.inputType('WriteRegisterInput', {
  description: 'A register write, as software would do it.',
  fields: (t) => ({
    unit: t.id({ required: true, description: 'Id of the unit.' }),
    register: t.string({ required: true, description: 'Name, as IommuUnit.registers lists it.' }),
    value: t.field({
      type: 'Address',
      required: true,
      description: 'What to write; all 32 or 64 bits at once.',
    }),
  }),
});

const SubmitDescriptorInput = builder.inputType('SubmitDescriptorInput', {
  description: 'A raw descriptor for the invalidation queue.',
  fields: (t) => ({
    unit: t.id({ required: true, description: 'Id of the unit.' }),
    words: t.field({
      type: ['Address'],
      required: true,
      description: 'Two words for a 128-bit queue, four for a 256-bit one.',
    }),
  }),
});

const RequestPageInput = builder.inputType('RequestPageInput', {
  description: 'A page request (PRI). PCI Express "Page Request Interface".',
  fields: (t) => ({
    endpoint: t.id({ required: true, description: 'Id of a device or subdevice.' }),
    pasid: t.int({
      description: 'Overrides the tag the endpoint would use; -1 sends the request without one.',
    }),
    address: t.field({ type: 'Address', required: true, description: 'The page.' }),
    access: t.field({ type: [DmaAccessEnum], defaultValue: ['READ'], description: 'What it wants to do.' }),
    privileged: t.boolean({ defaultValue: false, description: 'Privileged mode requested.' }),
    last: t.boolean({ defaultValue: true, description: 'Ends its group and wants an answer.' }),
    groupIndex: t.int({ defaultValue: 0, description: 'Page request group, 0 to 511.' }),
  }),
});

const SignalInterruptInput = builder.inputType('SignalInterruptInput', {
  description: 'An interrupt message: a 32-bit write to 0xFEEx_xxxx.',
  fields: (t) => ({
    device: t.id({ required: true, description: 'Id of the device that sends it.' }),
    address: t.field({
      type: 'Address',
      required: true,
      description: 'Message address, 0xfee00000 to 0xfeefffff.',
    }),
    data: t.field({ type: 'Address', required: true, description: 'Message data, 32 bits.' }),
  }),
});

/** A host address that words can be read from or written to. */
export function wordAddress(address: U64, count: number, path: readonly string[]): number {
  const at = u64ToNumber(address);
  if (at % 8 !== 0) throw new InvalidInputError(path, 'A word address is a multiple of 8.');
  if (at + count * 8 > HOST_ADDRESS_LIMIT)
    throw new InvalidInputError(path, 'Host addresses have at most 52 bits.');
  return at;
}

/** The tag of a request: the endpoint's own, none, or the one given. */
export function pasidChoice(pasid: number | null | undefined): 'OWN' | 'NONE' | number {
  if (pasid == null) return 'OWN';
  if (pasid === -1) return 'NONE';
  if (pasid < 0 || pasid > 0xfffff) {
    throw new InvalidInputError(
      ['input', 'pasid'],
      `A PASID has 20 bits: give 0 to 1048575, or -1 for none, not ${pasid}.`,
    );
  }
  return pasid;
}

builder.mutationFields((t) => ({
  pokeMemory: t.field({
    type: HardwareResult,
    description:
      "Writes 64-bit words into simulated physical memory behind the kernel's back: to break a table on purpose and see what happens.",
    args: {
      input: t.arg({ type: PokeMemoryInput, required: true, description: 'What to write, and where.' }),
    },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const id = requireId(input.platform, ['input', 'platform'], 'Platform');
        if (input.words.length < 1 || input.words.length > MAX_WORDS) {
          throw new InvalidInputError(
            ['input', 'words'],
            `Give 1 to ${MAX_WORDS} words, not ${input.words.length}.`,
          );
        }
        const address = wordAddress(input.address, input.words.length, ['input', 'address']);
        return performCommand(context, id.platform, 'HardwarePayload', {
          type: 'pokeMemory',
          address,
          words: input.words,
        });
      }),
  }),
  writeRegister: t.field({
    type: HardwareResult,
    description: 'Writes a register of a unit as software would.',
    args: {
      input: t.arg({ type: WriteRegisterInput, required: true, description: 'Which register, and what.' }),
    },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const id = requireId(input.unit, ['input', 'unit'], 'IommuUnit');
        const { register, value } = input;
        return performCommand(context, id.platform, 'HardwarePayload', {
          type: 'writeRegister',
          unit: id.key,
          register,
          value,
        });
      }),
  }),
  submitDescriptor: t.field({
    type: HardwareResult,
    description:
      'Puts one raw descriptor (two or four words) into the invalidation queue and moves the tail.',
    args: { input: t.arg({ type: SubmitDescriptorInput, required: true, description: 'The descriptor.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const id = requireId(input.unit, ['input', 'unit'], 'IommuUnit');
        return performCommand(context, id.platform, 'HardwarePayload', {
          type: 'submitDescriptor',
          unit: id.key,
          words: input.words,
        });
      }),
  }),
  requestPage: t.field({
    type: RequestPageResult,
    description: 'Lets an endpoint ask for a page, as a device with PRI does.',
    args: { input: t.arg({ type: RequestPageInput, required: true, description: 'The request.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const id = requireId(input.endpoint, ['input', 'endpoint'], 'Device', 'Subdevice');
        const groupIndex = input.groupIndex ?? 0;
        if (groupIndex < 0 || groupIndex > 511) {
          throw new InvalidInputError(
            ['input', 'groupIndex'],
            `A page request group is 0 to 511, not ${groupIndex}.`,
          );
        }
        const access = input.access ?? ['READ'];
        return performCommand(context, id.platform, 'PageRequestPayload', {
          type: 'requestPage',
          endpoint: { kind: id.kind as 'Device' | 'Subdevice', name: id.key },
          pasid: pasidChoice(input.pasid),
          address: input.address,
          read: access.includes('READ'),
          write: access.includes('WRITE'),
          execute: access.includes('EXECUTE'),
          privileged: input.privileged ?? false,
          last: input.last ?? true,
          groupIndex,
        });
      }),
  }),
  signalInterrupt: t.field({
    type: SignalInterruptResult,
    description: 'Lets a device send an interrupt message, which remapping may change or block.',
    args: { input: t.arg({ type: SignalInterruptInput, required: true, description: 'The message.' }) },
    resolve: (_root, { input }, context) =>
      refusalsAsValues(() => {
        const id = requireId(input.device, ['input', 'device'], 'Device');
        if (input.address.hi !== 0 || input.address.lo >>> 20 !== 0xfee) {
          throw new InvalidInputError(
            ['input', 'address'],
            'An interrupt message goes to 0xfee00000 to 0xfeefffff.',
          );
        }
        if (input.data.hi !== 0) throw new InvalidInputError(['input', 'data'], 'Message data has 32 bits.');
        return performCommand(context, id.platform, 'InterruptPayload', {
          type: 'signalInterrupt',
          device: id.key,
          address: input.address,
          data: input.data.lo,
        });
      }),
  }),
}));
