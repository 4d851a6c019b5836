import type { U64 } from '../../../src/bits/u64.js';
import { wordOf } from './words.js';

/**
 * CAP and ECAP values from named fields, transcribed a second time and independently of `src/layout`:
 * last bit and first bit of each field. Spec: VT-d 11.4.2 "Capability Register".
 */
const CAPABILITY_FIELDS = {
  ND: [2, 0],
  AFL: [3, 3],
  RWBF: [4, 4],
  PLMR: [5, 5],
  PHMR: [6, 6],
  CM: [7, 7],
  SAGAW: [12, 8],
  MGAW: [21, 16],
  ZLR: [22, 22],
  FRO: [33, 24],
  SLLPS: [37, 34],
  PSI: [39, 39],
  NFR: [47, 40],
  MAMV: [53, 48],
  DWD: [54, 54],
  DRD: [55, 55],
  FL1GP: [56, 56],
  PI: [59, 59],
  FL5LP: [60, 60],
  ECMDS: [61, 61],
  ESIRTPS: [62, 62],
  ESRTPS: [63, 63],
} as const;

/** Spec: VT-d 11.4.3 "Extended Capability Register". */
const EXTENDED_FIELDS = {
  C: [0, 0],
  QI: [1, 1],
  DT: [2, 2],
  IR: [3, 3],
  EIM: [4, 4],
  PT: [6, 6],
  SC: [7, 7],
  IRO: [17, 8],
  MHMV: [23, 20],
  MTS: [25, 25],
  NEST: [26, 26],
  PRS: [29, 29],
  ERS: [30, 30],
  SRS: [31, 31],
  NWFS: [33, 33],
  EAFS: [34, 34],
  PSS: [39, 35],
  PASID: [40, 40],
  DIT: [41, 41],
  PDS: [42, 42],
  SMTS: [43, 43],
  SLADS: [45, 45],
  SLTS: [46, 46],
  FLTS: [47, 47],
  SMPWCS: [48, 48],
  RPS: [49, 49],
  ADMS: [52, 52],
  RPRIVS: [53, 53],
  HPTS: [55, 55],
  PTRS: [56, 56],
  SSIRWS: [57, 57],
  SMS: [58, 58],
  EIMER: [61, 61],
  IRREQ: [62, 62],
} as const;

export type CapabilityFields = Partial<Record<keyof typeof CAPABILITY_FIELDS, number>>;
export type ExtendedFields = Partial<Record<keyof typeof EXTENDED_FIELDS, number>>;

function packed(layout: Record<string, readonly [number, number]>, fields: Record<string, number>): U64 {
  let value = 0n;
  for (const [name, content] of Object.entries(fields)) {
    const [last, first] = layout[name];
    if (content >= 2 ** (last - first + 1)) throw new Error(`${name}=${content} does not fit`);
    value |= BigInt(content) << BigInt(first);
  }
  return wordOf(value);
}

export function capabilityWord(fields: CapabilityFields): U64 {
  return packed(CAPABILITY_FIELDS, fields as Record<string, number>);
}

export function extendedCapabilityWord(fields: ExtendedFields): U64 {
  return packed(EXTENDED_FIELDS, fields as Record<string, number>);
}
