import { type U64, ZERO, u64 } from '../bits/u64.js';
import { CAP_FIELDS, ECAP_FIELDS, type UnitCapabilities } from './capability.js';
import type { FieldDefinition } from './fields.js';

/**
 * Byte offsets in a unit's register set. Spec: VT-d 11.4 "Register Descriptions".
 * IVA, IOTLB and FRCD lie where CAP and ECAP say: see {@link iotlbRegisters} and {@link faultRecordRegister}.
 */
export const REGISTER = {
  VER: 0x000,
  CAP: 0x008,
  ECAP: 0x010,
  GCMD: 0x018,
  GSTS: 0x01c,
  RTADDR: 0x020,
  CCMD: 0x028,
  FSTS: 0x034,
  FECTL: 0x038,
  FEDATA: 0x03c,
  FEADDR: 0x040,
  FEUADDR: 0x044,
  PMEN: 0x064,
  PLMBASE: 0x068,
  PLMLIMIT: 0x06c,
  PHMBASE: 0x070,
  PHMLIMIT: 0x078,
  IQH: 0x080,
  IQT: 0x088,
  IQA: 0x090,
  ICS: 0x09c,
  IECTL: 0x0a0,
  IEDATA: 0x0a4,
  IEADDR: 0x0a8,
  IEUADDR: 0x0ac,
  IQERCD: 0x0b0,
  IRTA: 0x0b8,
  PQH: 0x0c0,
  PQT: 0x0c8,
  PQA: 0x0d0,
  PRS: 0x0dc,
  PECTL: 0x0e0,
  PEDATA: 0x0e4,
  PEADDR: 0x0e8,
  PEUADDR: 0x0ec,
  MTRRCAP: 0x100,
  MTRRDEF: 0x108,
  MTRRFIX: 0x120,
  MTRRVAR: 0x180,
} as const;

/** Bits of GCMD and, at the same places, of GSTS. Spec: VT-d 11.4.4.1 "Global Command Register". */
export const GLOBAL = {
  TE: 0x80000000,
  SRTP: 0x40000000,
  SFL: 0x20000000,
  EAFL: 0x10000000,
  WBF: 0x08000000,
  QIE: 0x04000000,
  IRE: 0x02000000,
  SIRTP: 0x01000000,
  CFI: 0x00800000,
} as const;

/** GSTS without the status of one-shot commands: what a driver starts from before it adds one bit. */
export const GLOBAL_COMMAND_MASK = 0x96ffffff;

/** Bits of FSTS. Spec: VT-d 11.4.7.1 "Fault Status Register". */
export const FAULT_STATUS = {
  PFO: 0x01,
  PPF: 0x02,
  IQE: 0x10,
  ICE: 0x20,
  ITE: 0x40,
} as const;

/** Bits of FECTL, IECTL and PECTL. */
export const EVENT_CONTROL = { IM: 0x80000000, IP: 0x40000000 } as const;

/** Bit of ICS. */
export const INVALIDATION_WAIT_COMPLETE = 0x1;

/** Bits of PRS. Spec: VT-d 11.4.11.4 "Page Request Status Register". */
export const PAGE_REQUEST_STATUS = { PPR: 0x1, PRO: 0x2 } as const;

/** Values of RTADDR.TTM. Spec: VT-d 11.4.5 "Root Table Address Register". */
export const TRANSLATION_TABLE_MODE = { LEGACY: 0, SCALABLE: 1, RESERVED: 2, ABORT: 3 } as const;

/** How software may touch a field: RO ignores writes, WO reads 0, W1C clears where 1 is written. */
export type FieldAccess = 'RO' | 'RW' | 'WO' | 'W1C';

export interface RegisterFieldDefinition extends FieldDefinition {
  readonly word: 0;
  readonly access: FieldAccess;
}

export interface RegisterDefinition {
  readonly name: string;
  readonly offset: number;
  readonly bytes: 4 | 8;
  readonly reset: U64;
  /** Bits outside every field are RsvdZ: writes are ignored, reads give 0. */
  readonly fields: readonly RegisterFieldDefinition[];
}

type Field = RegisterFieldDefinition;

function ro(name: string, last: number, first: number, meaning?: string): Field {
  return { name, word: 0, last, first, access: 'RO', meaning };
}
function rw(name: string, last: number, first: number, meaning?: string): Field {
  return { name, word: 0, last, first, access: 'RW', meaning };
}
function wo(name: string, last: number, first: number, meaning?: string): Field {
  return { name, word: 0, last, first, access: 'WO', meaning };
}
function w1c(name: string, last: number, first: number, meaning?: string): Field {
  return { name, word: 0, last, first, access: 'W1C', meaning };
}
/** An address field is shown in place, with its low bits as zeros. */
function address(field: Field): Field {
  return { ...field, address: true };
}
function dword(name: string, offset: number, fields: readonly Field[], reset = 0): RegisterDefinition {
  return { name, offset, bytes: 4, reset: u64(0, reset), fields };
}
function qword(name: string, offset: number, fields: readonly Field[], reset = ZERO): RegisterDefinition {
  return { name, offset, bytes: 8, reset, fields };
}

/** The four registers of one event: control, data, address, upper address. */
function eventRegisters(prefix: string, offset: number, c: UnitCapabilities): RegisterDefinition[] {
  const control = [rw('IM', 31, 31, 'interrupt mask'), ro('IP', 30, 30, 'interrupt pending')];
  return [
    dword(`${prefix}CTL`, offset, control, EVENT_CONTROL.IM),
    dword(`${prefix}DATA`, offset + 4, [rw('IMD', 15, 0, 'message data')]),
    dword(`${prefix}ADDR`, offset + 8, [address(rw('MA', 31, 2, 'message address'))]),
    // Spec: reserved unless destinations can have more than 8 bits.
    dword(`${prefix}UADDR`, offset + 12, c.EIM ? [rw('MUA', 31, 0, 'message upper address')] : []),
  ];
}

const MTRR_FIXED = [
  'FIX64K_00000',
  'FIX16K_80000',
  'FIX16K_A0000',
  'FIX4K_C0000',
  'FIX4K_C8000',
  'FIX4K_D0000',
  'FIX4K_D8000',
  'FIX4K_E0000',
  'FIX4K_E8000',
  'FIX4K_F0000',
  'FIX4K_F8000',
];
const MTRR_VARIABLE = 10;

/** IVA and IOTLB. Spec: VT-d 11.4.6.2 "IOTLB Invalidate Register". */
export function iotlbRegisters(c: UnitCapabilities): { readonly IVA: number; readonly IOTLB: number } {
  return { IVA: c.iotlbRegisterOffset, IOTLB: c.iotlbRegisterOffset + 8 };
}

/** Offset of fault recording register `index`: 16 bytes. Spec: VT-d 11.4.7.3 "Fault Recording Registers". */
export function faultRecordRegister(c: UnitCapabilities, index: number): number {
  return c.faultRecordOffset + 16 * index;
}

/** Bytes of register set a unit needs, in whole pages. */
export function registerSetBytes(c: UnitCapabilities): number {
  const end = Math.max(0xe38, faultRecordRegister(c, c.faultRecords), c.iotlbRegisterOffset + 16);
  return Math.ceil(end / 4096) * 4096;
}

/**
 * Every register a unit with these capabilities has, by ascending offset. What is not in the list reads 0
 * and takes no write.
 *
 * Left out although the specification has them: advanced fault logging, performance monitoring, enhanced
 * commands, resource director and virtual commands, none of which takes part in remapping.
 */
export function registerMap(c: UnitCapabilities): RegisterDefinition[] {
  const map: RegisterDefinition[] = [
    dword('VER', REGISTER.VER, [ro('MAX', 7, 4, 'major version'), ro('MIN', 3, 0, 'minor version')]),
    qword(
      'CAP',
      REGISTER.CAP,
      CAP_FIELDS.map((each) => ({ ...each, access: 'RO' })),
    ),
    qword(
      'ECAP',
      REGISTER.ECAP,
      ECAP_FIELDS.map((each) => ({ ...each, access: 'RO' })),
    ),
    dword(
      'GCMD',
      REGISTER.GCMD,
      GLOBAL_FIELDS.map(([command, , at, meaning]) => wo(command, at, at, meaning)),
    ),
    dword(
      'GSTS',
      REGISTER.GSTS,
      GLOBAL_FIELDS.map(([, status, at, meaning]) => ro(status, at, at, meaning)),
    ),
    qword('RTADDR', REGISTER.RTADDR, [
      address(rw('RTA', 63, 12, 'root table address')),
      rw('TTM', 11, 10, 'translation table mode: 0 legacy, 1 scalable, 3 abort-DMA'),
      ...(c.SSIRWS ? [rw('SSIRWE', 7, 7, 'second-stage I/O read and write bits in use')] : []),
    ]),
    qword('CCMD', REGISTER.CCMD, [
      rw('ICC', 63, 63, 'invalidation requested or running'),
      rw('CIRG', 62, 61, 'granularity asked for: 1 global, 2 domain, 3 device'),
      ro('CAIG', 60, 59, 'granularity performed; 0 refused'),
      wo('FM', 33, 32, 'function mask'),
      wo('SID', 31, 16, 'source id'),
      rw('DID', 15, 0, 'domain id'),
    ]),
    dword('FSTS', REGISTER.FSTS, [
      ro('FRI', 15, 8, 'index of the first pending fault record'),
      w1c('ITE', 6, 6, 'invalidation time-out'),
      w1c('ICE', 5, 5, 'invalidation completion error'),
      w1c('IQE', 4, 4, 'invalidation queue error'),
      ro('PPF', 1, 1, 'a fault record is pending'),
      w1c('PFO', 0, 0, 'a fault was lost'),
    ]),
    ...eventRegisters('FE', REGISTER.FECTL, c),
  ];
  if (c.PLMR || c.PHMR) {
    map.push(
      dword('PMEN', REGISTER.PMEN, [rw('EPM', 31, 31, 'enable'), ro('PRS', 0, 0, 'protected regions on')]),
    );
  }
  if (c.PLMR) {
    map.push(dword('PLMBASE', REGISTER.PLMBASE, [address(rw('PLMB', 31, 20))]));
    map.push(dword('PLMLIMIT', REGISTER.PLMLIMIT, [address(rw('PLML', 31, 20))]));
  }
  if (c.PHMR) {
    map.push(qword('PHMBASE', REGISTER.PHMBASE, [address(rw('PHMB', 63, 20))]));
    map.push(qword('PHMLIMIT', REGISTER.PHMLIMIT, [address(rw('PHML', 63, 20))]));
  }
  if (c.QI) {
    map.push(
      qword('IQH', REGISTER.IQH, [ro('QH', 18, 4, 'byte offset of the next descriptor to fetch, over 16')]),
      qword('IQT', REGISTER.IQT, [rw('QT', 18, 4, 'byte offset of the next free slot, over 16')]),
      qword('IQA', REGISTER.IQA, [
        address(rw('IQA', 63, 12, 'queue address')),
        rw('DW', 11, 11, '256-bit descriptors'),
        rw('QS', 2, 0, '2^QS pages'),
      ]),
      dword('ICS', REGISTER.ICS, [w1c('IWC', 0, 0, 'a wait descriptor with IF completed')]),
      ...eventRegisters('IE', REGISTER.IECTL, c),
      qword('IQERCD', REGISTER.IQERCD, [
        ro('ICESID', 63, 48, 'source id of the completion error'),
        ro('ITESID', 47, 32, 'source id of the time-out'),
        ro('IQEI', 3, 0, 'why the queue stopped'),
      ]),
    );
  }
  if (c.IR) {
    map.push(
      qword('IRTA', REGISTER.IRTA, [
        address(rw('IRTA', 63, 12, 'interrupt remapping table address')),
        ...(c.EIM ? [rw('EIME', 11, 11, 'extended interrupt mode')] : []),
        rw('S', 3, 0, '2^(S+1) entries'),
      ]),
    );
  }
  if (c.PRS) {
    map.push(
      qword('PQH', REGISTER.PQH, [rw('PQH', 18, 5, 'byte offset of the next request to read, over 32')]),
      qword('PQT', REGISTER.PQT, [rw('PQT', 18, 5, 'byte offset of the next free slot, over 32')]),
      qword('PQA', REGISTER.PQA, [
        address(rw('PQA', 63, 12, 'queue address')),
        rw('PQS', 2, 0, '2^PQS pages'),
      ]),
      dword('PRS', REGISTER.PRS, [
        w1c('PRO', 1, 1, 'a page request found the queue full'),
        w1c('PPR', 0, 0, 'page requests pending'),
      ]),
      ...eventRegisters('PE', REGISTER.PECTL, c),
    );
  }
  if (c.MTS) map.push(...memoryTypeRegisters());
  const { IVA, IOTLB } = iotlbRegisters(c);
  map.push(
    qword('IVA', IVA, [
      address(wo('ADDR', 63, 12)),
      wo('IH', 6, 6, 'only leaves changed'),
      wo('AM', 5, 0, '2^AM pages'),
    ]),
    qword('IOTLB', IOTLB, [
      rw('IVT', 63, 63, 'invalidation requested or running'),
      rw('IIRG', 61, 60, 'granularity asked for: 1 global, 2 domain, 3 page'),
      ro('IAIG', 58, 57, 'granularity performed; 0 refused'),
      rw('DR', 49, 49, 'drain reads'),
      rw('DW', 48, 48, 'drain writes'),
      rw('DID', 47, 32, 'domain id'),
    ]),
  );
  for (let index = 0; index < c.faultRecords; index++) {
    map.push(
      qword(`FRCD[${index}].lo`, faultRecordRegister(c, index), [
        ro('FI', 63, 12, 'page address or interrupt index'),
      ]),
      qword(`FRCD[${index}].hi`, faultRecordRegister(c, index) + 8, [
        w1c('F', 63, 63, 'holds a fault'),
        ro('T1', 62, 62),
        ro('AT', 61, 60, 'address type: 0 untranslated, 1 translation request, 2 translated'),
        ro('PV', 59, 40, 'PASID'),
        ro('FR', 39, 32, 'fault reason'),
        ro('PP', 31, 31, 'PASID present'),
        ro('EXE', 30, 30),
        ro('PRIV', 29, 29),
        ro('T2', 28, 28),
        ro('SID', 15, 0, 'source id'),
      ]),
    );
  }
  return map.sort((a, b) => a.offset - b.offset);
}

const GLOBAL_FIELDS: readonly (readonly [command: string, status: string, at: number, meaning: string])[] = [
  ['TE', 'TES', 31, 'translation'],
  ['SRTP', 'RTPS', 30, 'root table pointer'],
  ['WBF', 'WBFS', 27, 'write buffer flush'],
  ['QIE', 'QIES', 26, 'queued invalidation'],
  ['IRE', 'IRES', 25, 'interrupt remapping'],
  ['SIRTP', 'IRTPS', 24, 'interrupt remapping table pointer'],
  ['CFI', 'CFIS', 23, 'compatibility-format interrupts'],
];

/** Memory types for nested and first-stage accesses. The reset value offers all ranges the map has. */
function memoryTypeRegisters(): RegisterDefinition[] {
  const capability = [ro('WC', 10, 10), ro('FIX', 8, 8), ro('VCNT', 7, 0)];
  const physical = (index: number) => REGISTER.MTRRVAR + 16 * index;
  return [
    qword('MTRRCAP', REGISTER.MTRRCAP, capability, u64(0, 0x500 | MTRR_VARIABLE)),
    qword('MTRRDEF', REGISTER.MTRRDEF, [rw('E', 11, 11), rw('FE', 10, 10), rw('TYPE', 7, 0)]),
    ...MTRR_FIXED.map((range, index) =>
      qword(`MTRR_${range}`, REGISTER.MTRRFIX + 8 * index, [rw('TYPES', 63, 0)]),
    ),
    ...Array.from({ length: MTRR_VARIABLE }, (_, index) => [
      qword(`MTRR_PHYSBASE${index}`, physical(index), [address(rw('BASE', 63, 12)), rw('TYPE', 7, 0)]),
      qword(`MTRR_PHYSMASK${index}`, physical(index) + 8, [address(rw('MASK', 63, 12)), rw('V', 11, 11)]),
    ]).flat(),
  ];
}
