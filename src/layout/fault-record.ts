import { type U64, ZERO, bit, field, maskOf, andU64, u64 } from '../bits/u64.js';
import type { FieldDefinition } from './fields.js';

/**
 * Fault recording registers: 128 bits each.
 * Spec: VT-d 11.4.14 "Fault Recording Registers".
 */
export const FAULT_RECORD_BYTES = 16;

export const FAULT_RECORD_FIELDS = [
  { name: 'FI', word: 0, last: 63, first: 12, meaning: 'page address of the request', address: true },
  { name: 'SID', word: 1, last: 15, first: 0, meaning: 'source id' },
  { name: 'T2', word: 1, last: 28, first: 28, meaning: 'low bit of the request type' },
  { name: 'PRIV', word: 1, last: 29, first: 29, meaning: 'privileged access requested' },
  { name: 'EXE', word: 1, last: 30, first: 30, meaning: 'execute requested' },
  { name: 'PP', word: 1, last: 31, first: 31, meaning: 'request-with-PASID' },
  { name: 'FR', word: 1, last: 39, first: 32, meaning: 'fault reason' },
  { name: 'PV', word: 1, last: 59, first: 40, meaning: 'PASID' },
  {
    name: 'AT',
    word: 1,
    last: 61,
    first: 60,
    values: { 0: 'untranslated request', 1: 'translation request', 2: 'translated request', 3: 'reserved' },
  },
  { name: 'T1', word: 1, last: 62, first: 62, meaning: 'high bit of the request type' },
  { name: 'F', word: 1, last: 63, first: 63, meaning: 'the record holds a fault' },
] as const satisfies readonly FieldDefinition[];

/** T1 and T2 together. */
export const FAULT_REQUEST_TYPE = { WRITE: 0, PAGE_REQUEST: 1, READ: 2, ATOMIC: 3 } as const;

/** A fault record, field by field. */
export interface FaultRecord {
  readonly F: boolean;
  /** Bits 63:12 of a DMA fault's address; for an interrupt fault the index in bits 63:48. */
  readonly FI: U64;
  readonly SID: number;
  readonly FR: number;
  /** A value of {@link FAULT_REQUEST_TYPE}. */
  readonly T: number;
  readonly AT: number;
  readonly PP: boolean;
  readonly PV: number;
  readonly PRIV: boolean;
  readonly EXE: boolean;
}

export const EMPTY_FAULT_RECORD: readonly [U64, U64] = [ZERO, ZERO];

export function packFaultRecord(of: FaultRecord): [U64, U64] {
  const low =
    of.SID | ((of.T & 1) << 28) | (Number(of.PRIV) << 29) | (Number(of.EXE) << 30) | (Number(of.PP) << 31);
  const high = of.FR | (of.PV << 8) | (of.AT << 28) | ((of.T >>> 1) << 30) | (Number(of.F) << 31);
  return [andU64(of.FI, maskOf(63, 12)), u64(high, low)];
}

export function parseFaultRecord(words: readonly U64[]): FaultRecord {
  const [address, rest] = words;
  return {
    F: bit(rest, 63),
    FI: andU64(address, maskOf(63, 12)),
    SID: field(rest, 15, 0),
    FR: field(rest, 39, 32),
    T: (Number(bit(rest, 62)) << 1) | Number(bit(rest, 28)),
    AT: field(rest, 61, 60),
    PP: bit(rest, 31),
    PV: field(rest, 59, 40),
    PRIV: bit(rest, 29),
    EXE: bit(rest, 30),
  };
}
