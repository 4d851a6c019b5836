import { type U64, ZERO, maskOf, notU64, orU64, u64FromNumber } from '../bits/u64.js';
import type { Hpa } from '../bits/address.js';
import type { FieldDefinition } from './fields.js';

/**
 * Root entries: 16 bytes, 256 of them in one page, indexed by bus.
 *
 * Spec: VT-d 9.1 "Root Entry" and 9.2 "Scalable-Mode Root Entry". In scalable mode the two words point to
 * two context tables, device-functions 0x00-0x7f and 0x80-0xff.
 */
export const ROOT_ENTRY_BYTES = 16;

export const ROOT_ENTRY_FIELDS = [
  { name: 'P', word: 0, last: 0, first: 0, meaning: 'present' },
  { name: 'CTP', word: 0, last: 63, first: 12, meaning: 'context table', address: true },
] as const satisfies readonly FieldDefinition[];

export const SCALABLE_ROOT_ENTRY_FIELDS = [
  { name: 'LP', word: 0, last: 0, first: 0, meaning: 'lower half present' },
  { name: 'LCTP', word: 0, last: 63, first: 12, meaning: 'context table of devices 0 to 15', address: true },
  { name: 'UP', word: 1, last: 0, first: 0, meaning: 'upper half present' },
  { name: 'UCTP', word: 1, last: 63, first: 12, meaning: 'context table of devices 16 to 31', address: true },
] as const satisfies readonly FieldDefinition[];

export function packRootEntry(of: { readonly P: boolean; readonly CTP: Hpa }): [U64, U64] {
  return [half(of.P, of.CTP), ZERO];
}

export function packScalableRootEntry(of: {
  readonly LP: boolean;
  readonly LCTP: Hpa;
  readonly UP: boolean;
  readonly UCTP: Hpa;
}): [U64, U64] {
  return [half(of.LP, of.LCTP), half(of.UP, of.UCTP)];
}

function half(present: boolean, table: Hpa): U64 {
  const address = u64FromNumber(table);
  return { hi: address.hi, lo: (address.lo | Number(present)) >>> 0 };
}

/** Bits that must be zero in a word holding a table pointer and a present bit, for a host address width. */
export function reservedInTablePointer(hostAddressWidth: number): U64 {
  return orU64(maskOf(11, 1), reservedAddressBits(hostAddressWidth));
}

/** Address bits no host physical address of this width has. */
export function reservedAddressBits(hostAddressWidth: number): U64 {
  return notU64(maskOf(hostAddressWidth - 1, 0));
}
