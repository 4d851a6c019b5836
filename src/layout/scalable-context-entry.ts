import { type U64, ALL_ONES, ZERO, maskOf, orU64, u64, u64FromNumber } from '../bits/u64.js';
import type { Hpa } from '../bits/address.js';
import type { UnitCapabilities } from './capability.js';
import type { FieldDefinition } from './fields.js';
import { reservedAddressBits } from './root-entry.js';

/**
 * Scalable-mode context entries: 32 bytes, 128 in one page, so a bus has two tables.
 * Spec: VT-d 9.4 "Scalable-Mode Context Entry".
 */
export const SCALABLE_CONTEXT_ENTRY_BYTES = 32;

export const SCALABLE_CONTEXT_ENTRY_FIELDS = [
  { name: 'P', word: 0, last: 0, first: 0, meaning: 'present' },
  { name: 'FPD', word: 0, last: 1, first: 1, meaning: 'fault processing disabled' },
  { name: 'DTE', word: 0, last: 2, first: 2, meaning: 'device-TLB enabled' },
  { name: 'PASIDE', word: 0, last: 3, first: 3, meaning: 'requests-with-PASID allowed' },
  { name: 'PRE', word: 0, last: 4, first: 4, meaning: 'page requests allowed' },
  { name: 'HPTE', word: 0, last: 5, first: 5, meaning: 'host permission table enabled' },
  { name: 'EPTR', word: 0, last: 6, first: 6, meaning: 'translated requests may carry a PASID' },
  { name: 'PDTS', word: 0, last: 11, first: 9, meaning: 'the PASID directory has 2^(PDTS+7) entries' },
  { name: 'PASIDDIRPTR', word: 0, last: 63, first: 12, meaning: 'PASID directory', address: true },
  { name: 'RID_PASID', word: 1, last: 19, first: 0, meaning: 'PASID of requests-without-PASID' },
  { name: 'RID_PRIV', word: 1, last: 20, first: 20, meaning: 'requests-without-PASID are privileged' },
] as const satisfies readonly FieldDefinition[];

export interface ScalableContextEntryContent {
  readonly P: boolean;
  readonly FPD?: boolean;
  readonly DTE?: boolean;
  readonly PASIDE?: boolean;
  readonly PRE?: boolean;
  readonly HPTE?: boolean;
  readonly EPTR?: boolean;
  readonly PDTS: number;
  readonly PASIDDIRPTR: Hpa;
  readonly RID_PASID?: number;
  readonly RID_PRIV?: boolean;
}

export function packScalableContextEntry(of: ScalableContextEntryContent): [U64, U64, U64, U64] {
  const pointer = u64FromNumber(of.PASIDDIRPTR);
  const flags = [of.P, of.FPD, of.DTE, of.PASIDE, of.PRE, of.HPTE, of.EPTR];
  const low = flags.reduce(
    (word, flag, position) => word | (Number(flag ?? false) << position),
    of.PDTS << 9,
  );
  return [
    u64(pointer.hi, pointer.lo | low),
    u64(0, (of.RID_PASID ?? 0) | (Number(of.RID_PRIV ?? false) << 20)),
    ZERO,
    ZERO,
  ];
}

/** Bits that must be zero in a present entry; a field whose capability is absent is reserved. */
export function reservedInScalableContextEntry(
  capabilities: Pick<UnitCapabilities, 'DT' | 'PASID' | 'PRS' | 'HPTS' | 'PTRS' | 'RPS' | 'RPRIVS'>,
  hostAddressWidth: number,
): readonly [U64, U64, U64, U64] {
  let first = orU64(maskOf(8, 7), reservedAddressBits(hostAddressWidth));
  if (!capabilities.DT) first = orU64(first, maskOf(2, 2));
  if (!capabilities.PASID) first = orU64(first, maskOf(3, 3));
  if (!capabilities.PRS) first = orU64(first, maskOf(4, 4));
  if (!capabilities.HPTS) first = orU64(first, maskOf(5, 5));
  if (!capabilities.PTRS) first = orU64(first, maskOf(6, 6));
  let second = maskOf(63, 21);
  if (!capabilities.RPS) second = orU64(second, maskOf(19, 0));
  if (!capabilities.RPRIVS) second = orU64(second, maskOf(20, 20));
  return [first, second, ALL_ONES, ALL_ONES];
}

/** PASIDs a directory of this PDTS covers: 64 in each of its 2^(PDTS+7) entries. */
export function pasidsCovered(pdts: number): number {
  return 1 << (pdts + 13);
}
