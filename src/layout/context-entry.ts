import { type U64, maskOf, orU64, u64FromNumber } from '../bits/u64.js';
import type { Hpa } from '../bits/address.js';
import { ADDRESS_WIDTH_VALUES } from './address-width.js';
import type { UnitCapabilities } from './capability.js';
import type { FieldDefinition } from './fields.js';
import { reservedAddressBits } from './root-entry.js';

/**
 * Legacy context entries: 16 bytes, 256 in one page, indexed by device and function.
 * Spec: VT-d 9.3 "Context Entry".
 */
export const CONTEXT_ENTRY_BYTES = 16;

/** Values of TT. */
export const TRANSLATION_TYPE = { MULTI_LEVEL: 0, DEVICE_TLB: 1, PASS_THROUGH: 2 } as const;

export const CONTEXT_ENTRY_FIELDS = [
  { name: 'P', word: 0, last: 0, first: 0, meaning: 'present' },
  { name: 'FPD', word: 0, last: 1, first: 1, meaning: 'fault processing disabled' },
  {
    name: 'TT',
    word: 0,
    last: 3,
    first: 2,
    values: {
      0: 'untranslated requests through second-stage tables',
      1: 'translation requests too',
      2: 'pass-through',
      3: 'reserved',
    },
  },
  { name: 'SSPTPTR', word: 0, last: 63, first: 12, meaning: 'second-stage table', address: true },
  { name: 'AW', word: 1, last: 2, first: 0, values: ADDRESS_WIDTH_VALUES },
  { name: 'AVAIL', word: 1, last: 6, first: 3, meaning: 'available to software' },
  { name: 'DID', word: 1, last: 23, first: 8, meaning: 'domain id' },
] as const satisfies readonly FieldDefinition[];

export interface ContextEntryContent {
  readonly P: boolean;
  readonly FPD?: boolean;
  /** A value of {@link TRANSLATION_TYPE}. */
  readonly TT: number;
  readonly SSPTPTR: Hpa;
  readonly AW: number;
  readonly DID: number;
}

export function packContextEntry(of: ContextEntryContent): [U64, U64] {
  const pointer = u64FromNumber(of.SSPTPTR);
  const low = Number(of.P) | (Number(of.FPD ?? false) << 1) | (of.TT << 2);
  return [
    { hi: pointer.hi, lo: (pointer.lo | low) >>> 0 },
    { hi: 0, lo: ((of.DID << 8) | of.AW) >>> 0 },
  ];
}

/** Bits that must be zero in a present entry. SSPTPTR is not looked at with pass-through. */
export function reservedInContextEntry(
  capabilities: Pick<UnitCapabilities, 'domainIdBits'>,
  hostAddressWidth: number,
): { readonly walked: readonly [U64, U64]; readonly passThrough: readonly [U64, U64] } {
  const low = maskOf(11, 4);
  let high = orU64(maskOf(7, 7), maskOf(63, 24));
  if (capabilities.domainIdBits < 16) high = orU64(high, maskOf(23, 8 + capabilities.domainIdBits));
  return {
    walked: [orU64(low, reservedAddressBits(hostAddressWidth)), high],
    passThrough: [low, high],
  };
}
