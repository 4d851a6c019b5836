import { type U64, u64, u64FromNumber } from '../bits/u64.js';
import type { Hpa } from '../bits/address.js';
import type { FieldDefinition } from './fields.js';

/**
 * PASID directory entries: 8 bytes, one for every 64 PASIDs, indexed by PASID bits 19:6.
 * Spec: VT-d 9.5 "Scalable-Mode PASID Directory Entry".
 *
 * Reserved bits are those of every table pointer, except that bit 1 is FPD.
 */
export const PASID_DIRECTORY_ENTRY_BYTES = 8;

export const PASID_DIRECTORY_ENTRY_FIELDS = [
  { name: 'P', word: 0, last: 0, first: 0, meaning: 'present' },
  { name: 'FPD', word: 0, last: 1, first: 1, meaning: 'fault processing disabled' },
  { name: 'SMPTBLPTR', word: 0, last: 63, first: 12, meaning: 'PASID table', address: true },
] as const satisfies readonly FieldDefinition[];

export function packPasidDirectoryEntry(of: {
  readonly P: boolean;
  readonly FPD?: boolean;
  readonly SMPTBLPTR: Hpa;
}): U64 {
  const pointer = u64FromNumber(of.SMPTBLPTR);
  return u64(pointer.hi, pointer.lo | Number(of.P) | (Number(of.FPD ?? false) << 1));
}
