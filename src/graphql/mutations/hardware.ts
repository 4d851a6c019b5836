import type { InterruptResult } from '../../hardware/interrupts.js';
import type { PageRequestOutcome } from '../../hardware/page-requests.js';
import { builder } from '../builder.js';
import {
  PokeMemoryInput,
  RequestPageInput,
  SignalInterruptInput,
  SubmitDescriptorInput,
  WriteRegisterInput,
  askPokeMemory,
  askRequestPage,
  askSignalInterrupt,
  askSubmitDescriptor,
  askWriteRegister,
} from '../commands/hardware.js';
import { DmaOutcomeEnum } from '../enums.js';
import { PageRequestOutcomeEnum } from '../types/events/hardware.js';
import { payloadType, perform, resultUnion } from './command.js';

const HardwarePayload = payloadType<'HardwarePayload', null>(
  'HardwarePayload',
  'Memory or a register was written, or a descriptor submitted; the events say what came of it.',
);
HardwarePayload.implement(undefined);
const HardwareResult = resultUnion('HardwareResult', HardwarePayload.ref, 'NO_KERNEL');

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
const RequestPageResult = resultUnion('RequestPageResult', PageRequestPayload.ref, 'NO_KERNEL');

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
const SignalInterruptResult = resultUnion('SignalInterruptResult', InterruptPayload.ref, 'NO_KERNEL');

builder.mutationFields((t) => ({
  pokeMemory: t.field({
    type: HardwareResult,
    description:
      "Writes 64-bit words into simulated physical memory behind the kernel's back: to break a table on purpose and see what happens.",
    args: {
      input: t.arg({ type: PokeMemoryInput, required: true, description: 'What to write, and where.' }),
    },
    resolve: (_root, { input }, context) => perform(context, 'HardwarePayload', input, askPokeMemory),
  }),
  writeRegister: t.field({
    type: HardwareResult,
    description: 'Writes a register of a unit as software would.',
    args: {
      input: t.arg({ type: WriteRegisterInput, required: true, description: 'Which register, and what.' }),
    },
    resolve: (_root, { input }, context) => perform(context, 'HardwarePayload', input, askWriteRegister),
  }),
  submitDescriptor: t.field({
    type: HardwareResult,
    description:
      'Puts one raw descriptor (two or four words) into the invalidation queue and moves the tail. Nothing waits for it: when the unit refuses it, the queue stands at it (FSTS.IQE) until software mends the slot and clears the error.',
    args: { input: t.arg({ type: SubmitDescriptorInput, required: true, description: 'The descriptor.' }) },
    resolve: (_root, { input }, context) => perform(context, 'HardwarePayload', input, askSubmitDescriptor),
  }),
  requestPage: t.field({
    type: RequestPageResult,
    description: 'Lets an endpoint ask for a page, as a device with PRI does.',
    args: { input: t.arg({ type: RequestPageInput, required: true, description: 'The request.' }) },
    resolve: (_root, { input }, context) => perform(context, 'PageRequestPayload', input, askRequestPage),
  }),
  signalInterrupt: t.field({
    type: SignalInterruptResult,
    description: 'Lets a device send an interrupt message, which remapping may change or block.',
    args: { input: t.arg({ type: SignalInterruptInput, required: true, description: 'The message.' }) },
    resolve: (_root, { input }, context) => perform(context, 'InterruptPayload', input, askSignalInterrupt),
  }),
}));
