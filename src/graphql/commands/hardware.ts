import { type U64, u64ToNumber } from '../../bits/u64.js';
import { InvalidInputError } from '../../platform/errors.js';
import { builder } from '../builder.js';
import { DmaAccessEnum } from '../enums.js';
import { requireId } from '../ids.js';
import { type Asked, requestFields } from './asked.js';
import { requesterChoice, requesterField } from './requester.js';

/** Most words one poke writes or peek reads: one page. */
export const MAX_WORDS = 512;

/** Where host addresses end: the widest the architecture allows. */
const HOST_ADDRESS_LIMIT = 2 ** 52;

export const PokeMemoryInput = builder.inputType('PokeMemoryInput', {
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
    ...requestFields(t),
  }),
});

export const WriteRegisterInput = builder.inputType('WriteRegisterInput', {
  description: 'A register write, as software would do it.',
  fields: (t) => ({
    unit: t.id({ required: true, description: 'Id of the unit.' }),
    register: t.string({ required: true, description: 'Name, as IommuUnit.registers lists it.' }),
    value: t.field({
      type: 'Address',
      required: true,
      description: 'What to write; all 32 or 64 bits at once.',
    }),
    ...requestFields(t),
  }),
});

export const SubmitDescriptorInput = builder.inputType('SubmitDescriptorInput', {
  description: 'A raw descriptor for the invalidation queue.',
  fields: (t) => ({
    unit: t.id({ required: true, description: 'Id of the unit.' }),
    words: t.field({
      type: ['Address'],
      required: true,
      description: 'Two words for a 128-bit queue, four for a 256-bit one.',
    }),
    ...requestFields(t),
  }),
});

export const RequestPageInput = builder.inputType('RequestPageInput', {
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
    ...requestFields(t),
  }),
});

export const SignalInterruptInput = builder.inputType('SignalInterruptInput', {
  description:
    'An interrupt message: a 32-bit write to 0xFEEx_xxxx. Either an interrupt the device has, or any address and data.',
  fields: (t) => ({
    device: t.id({ required: true, description: 'Id of the device that sends it.' }),
    interrupt: t.int({
      description:
        'Number of an interrupt the driver of the device has, from 0: its message is sent. In place of address and data.',
    }),
    address: t.field({
      type: 'Address',
      description: 'Message address, 0xfee00000 to 0xfeefffff; with data, in place of interrupt.',
    }),
    data: t.field({ type: 'Address', description: 'Message data, 32 bits.' }),
    requester: requesterField(t),
    ...requestFields(t),
  }),
});

/** A host address that words can be read from or written to. */
function wordAddress(address: U64, count: number, path: readonly string[]): number {
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

export function askPokeMemory(input: typeof PokeMemoryInput.$inferInput): Asked<'pokeMemory'> {
  const { platform } = requireId(input.platform, ['input', 'platform'], 'Platform');
  const { words } = input;
  if (words.length < 1 || words.length > MAX_WORDS) {
    throw new InvalidInputError(['input', 'words'], `Give 1 to ${MAX_WORDS} words, not ${words.length}.`);
  }
  const address = wordAddress(input.address, words.length, ['input', 'address']);
  return { platform, command: { type: 'pokeMemory', address, words } };
}

export function askWriteRegister(input: typeof WriteRegisterInput.$inferInput): Asked<'writeRegister'> {
  const id = requireId(input.unit, ['input', 'unit'], 'IommuUnit');
  const { register, value } = input;
  return { platform: id.platform, command: { type: 'writeRegister', unit: id.key, register, value } };
}

export function askSubmitDescriptor(
  input: typeof SubmitDescriptorInput.$inferInput,
): Asked<'submitDescriptor'> {
  const id = requireId(input.unit, ['input', 'unit'], 'IommuUnit');
  const command = { type: 'submitDescriptor', unit: id.key, words: input.words } as const;
  return { platform: id.platform, command };
}

export function askRequestPage(input: typeof RequestPageInput.$inferInput): Asked<'requestPage'> {
  const id = requireId(input.endpoint, ['input', 'endpoint'], 'Device', 'Subdevice');
  const groupIndex = input.groupIndex ?? 0;
  if (groupIndex < 0 || groupIndex > 511) {
    throw new InvalidInputError(
      ['input', 'groupIndex'],
      `A page request group is 0 to 511, not ${groupIndex}.`,
    );
  }
  const access = input.access ?? ['READ'];
  return {
    platform: id.platform,
    command: {
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
    },
  };
}

export function askSignalInterrupt(input: typeof SignalInterruptInput.$inferInput): Asked<'signalInterrupt'> {
  const id = requireId(input.device, ['input', 'device'], 'Device');
  const { address, data, interrupt } = input;
  const sender = { type: 'signalInterrupt', device: id.key, ...requesterChoice(input.requester) } as const;
  if (interrupt != null) {
    if (address != null || data != null)
      throw new InvalidInputError(['input', 'interrupt'], 'Give either interrupt, or address and data.');
    if (interrupt < 0)
      throw new InvalidInputError(['input', 'interrupt'], `Interrupts count from 0, not ${interrupt}.`);
    return { platform: id.platform, command: { ...sender, interrupt } };
  }
  if (address == null || data == null) {
    const missing = address == null ? 'address' : 'data';
    throw new InvalidInputError(['input', missing], 'Give interrupt, or both address and data.');
  }
  if (address.hi !== 0 || address.lo >>> 20 !== 0xfee) {
    throw new InvalidInputError(
      ['input', 'address'],
      'An interrupt message goes to 0xfee00000 to 0xfeefffff.',
    );
  }
  if (data.hi !== 0) throw new InvalidInputError(['input', 'data'], 'Message data has 32 bits.');
  return { platform: id.platform, command: { ...sender, address, data: data.lo } };
}
