/**
 * The words scenarios are written in. Every step is plain data; README.md says what each does.
 *
 * Addresses, words and codes are BigInt or number here and hexadecimal strings in the files.
 */

/** Offsets of the registers the scenarios touch. Spec: VT-d 11.4 "Register Descriptions". */
export const REGISTER = {
  GCMD: 0x18,
  GSTS: 0x1c,
  RTADDR: 0x20,
  FSTS: 0x34,
  FECTL: 0x38,
  FEDATA: 0x3c,
  FEADDR: 0x40,
  IQH: 0x80,
  IQT: 0x88,
  IQA: 0x90,
  ICS: 0x9c,
  IECTL: 0xa0,
  IEDATA: 0xa4,
  IEADDR: 0xa8,
  IQERCD: 0xb0,
  IRTA: 0xb8,
  PQH: 0xc0,
  PQT: 0xc8,
  PQA: 0xd0,
  PRS: 0xdc,
  PECTL: 0xe0,
  PEDATA: 0xe4,
  PEADDR: 0xe8,
  /** Where IRO and FRO of both fixtures put them. */
  IVA: 0xf0,
  IOTLB: 0xf8,
  FRCD: 0x220,
};

/** Bits of GCMD. */
export const COMMAND = {
  TE: 0x80000000,
  SRTP: 0x40000000,
  QIE: 0x04000000,
  IRE: 0x02000000,
  SIRTP: 0x01000000,
};

export const hex = (value) => '0x' + BigInt(value).toString(16);
const orNull = (value) => (value === null ? null : hex(value));

const named = (name) => ({ register: name, offset: hex(REGISTER[name]) });

export const write32 = (name, value) => ({ op: 'write', ...named(name), bytes: 4, value: hex(value) });
export const write64 = (name, value) => ({ op: 'write', ...named(name), bytes: 8, value: hex(value) });
export const writeAt = (register, offset, value) => ({
  op: 'write',
  register,
  offset: hex(offset),
  bytes: 4,
  value: hex(value),
});
export const reads32 = (name, value) => ({ op: 'read', ...named(name), bytes: 4, expect: hex(value) });
export const reads64 = (name, value, mask) => ({
  op: 'read',
  ...named(name),
  bytes: 8,
  ...(mask === undefined ? {} : { mask: hex(mask) }),
  expect: hex(value),
});

/** The two words of a fault recording register. */
export const recordIs = (hi, lo, index = 0) => [
  readsRecord(index, 8, hi),
  ...(lo === undefined ? [] : [readsRecord(index, 0, lo)]),
];
/** Only the source id of a record: enough to say which fault went where. */
export const recordFrom = (index, sourceId) => ({ ...readsRecord(index, 8, sourceId), mask: '0xffff' });

function readsRecord(index, part, expect) {
  const offset = hex(REGISTER.FRCD + 16 * index + part);
  return { op: 'read', register: `FRCD${index}`, offset, bytes: 8, expect: hex(expect) };
}

export const store = (address, ...words) => ({
  op: 'store',
  address: hex(address),
  words: words.map((word) => hex(word)),
});
export const loads = (address, ...words) => ({
  op: 'load',
  address: hex(address),
  expect: words.map((word) => hex(word)),
});

export const request = (fields, expect) => ({
  op: 'request',
  sourceId: hex(fields.sourceId),
  pasid: orNull(fields.pasid ?? null),
  address: hex(fields.address),
  type: fields.type ?? 'READ',
  addressType: fields.addressType ?? 'UNTRANSLATED',
  privileged: fields.privileged ?? false,
  expect,
});

export const translated = (physical, pageSize = 0x1000, access = ['READ', 'WRITE']) => ({
  outcome: 'TRANSLATED',
  physical: hex(physical),
  pageSize: hex(pageSize),
  access,
});
export const blocked = (reason, recorded = true) => ({ outcome: 'BLOCKED', reason: hex(reason), recorded });
export const empty = () => ({ outcome: 'EMPTY', recorded: false });

export const messages = (...sent) => ({
  op: 'messages',
  expect: sent.map(([address, data]) => ({ address: hex(address), data: hex(data) })),
});

export const caches = (expect) => ({ op: 'caches', expect });
export const iotlbEntry = (
  sourceId,
  pasid,
  domainId,
  address,
  pageSize,
  physical,
  access = ['READ', 'WRITE'],
) => ({
  sourceId: hex(sourceId),
  pasid: orNull(pasid),
  domainId: hex(domainId),
  address: hex(address),
  pageSize: hex(pageSize),
  physical: hex(physical),
  access,
});

/** A vector of a scenario. `steps` may nest lists. */
export const vector = (id, title, { unit, memory }, ...steps) => ({
  id,
  title,
  unit,
  memory: memory.map(({ address, words }) => ({ address, words })),
  steps: steps.flat(3),
});
