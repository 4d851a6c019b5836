import { type U64, ALL_ONES, ZERO, maskOf, orU64, u64, u64FromNumber } from '../bits/u64.js';
import type { Hpa } from '../bits/address.js';
import { ADDRESS_WIDTH_VALUES } from './address-width.js';
import type { UnitCapabilities } from './capability.js';
import type { FieldDefinition } from './fields.js';
import { reservedAddressBits } from './root-entry.js';

/**
 * PASID table entries: 64 bytes, 64 in one page, indexed by PASID bits 5:0.
 * Spec: VT-d 9.6 "Scalable-Mode PASID Table Entry".
 *
 * ERE, NXE and SMEP are gone from the present specification; they are named for dumps of older parts.
 */
export const PASID_ENTRY_BYTES = 64;

/** Values of PGTT. */
export const PASID_TRANSLATION_TYPE = {
  FIRST_STAGE: 1,
  SECOND_STAGE: 2,
  NESTED: 3,
  PASS_THROUGH: 4,
} as const;

export const PASID_ENTRY_FIELDS = [
  { name: 'P', word: 0, last: 0, first: 0, meaning: 'present' },
  { name: 'FPD', word: 0, last: 1, first: 1, meaning: 'fault processing disabled' },
  { name: 'AW', word: 0, last: 4, first: 2, values: ADDRESS_WIDTH_VALUES },
  {
    name: 'PGTT',
    word: 0,
    last: 8,
    first: 6,
    meaning: 'reserved',
    values: { 1: 'first-stage', 2: 'second-stage', 3: 'nested', 4: 'pass-through' },
  },
  { name: 'SSADE', word: 0, last: 9, first: 9, meaning: 'second-stage accessed and dirty bits enabled' },
  { name: 'SSPTPTR', word: 0, last: 63, first: 12, meaning: 'second-stage table', address: true },
  { name: 'DID', word: 1, last: 15, first: 0, meaning: 'domain id' },
  { name: 'PWSNP', word: 1, last: 23, first: 23, meaning: 'page walks are snooped' },
  { name: 'PGSNP', word: 1, last: 24, first: 24, meaning: 'accesses are snooped' },
  { name: 'CD', word: 1, last: 25, first: 25, meaning: 'cache disable' },
  { name: 'EMTE', word: 1, last: 26, first: 26, meaning: 'extended memory types enabled' },
  { name: 'PAT', word: 1, last: 63, first: 32, meaning: 'page attribute table' },
  { name: 'SRE', word: 2, last: 0, first: 0, meaning: 'supervisor requests allowed' },
  { name: 'ERE', word: 2, last: 1, first: 1, meaning: 'execute requests allowed (older parts)' },
  { name: 'FSPM', word: 2, last: 3, first: 2, meaning: 'reserved', values: { 0: '4-level', 1: '5-level' } },
  { name: 'WPE', word: 2, last: 4, first: 4, meaning: 'write protection holds for supervisor requests' },
  { name: 'NXE', word: 2, last: 5, first: 5, meaning: 'execute disable honoured (older parts)' },
  {
    name: 'SMEP',
    word: 2,
    last: 6,
    first: 6,
    meaning: 'no supervisor execution of user pages (older parts)',
  },
  { name: 'EAFE', word: 2, last: 7, first: 7, meaning: 'extended accessed flag enabled' },
  { name: 'FSPTPTR', word: 2, last: 63, first: 12, meaning: 'first-stage table', address: true },
] as const satisfies readonly FieldDefinition[];

export interface PasidEntryContent {
  readonly P: boolean;
  readonly FPD?: boolean;
  readonly AW: number;
  /** A value of {@link PASID_TRANSLATION_TYPE}. */
  readonly PGTT: number;
  readonly SSADE?: boolean;
  readonly SSPTPTR?: Hpa;
  readonly DID: number;
  readonly PWSNP?: boolean;
  readonly PGSNP?: boolean;
  readonly CD?: boolean;
  readonly EMTE?: boolean;
  readonly PAT?: number;
  readonly SRE?: boolean;
  readonly ERE?: boolean;
  /** 0: 4-level, 1: 5-level first-stage tables. */
  readonly FSPM?: number;
  readonly WPE?: boolean;
  readonly NXE?: boolean;
  readonly SMEP?: boolean;
  readonly EAFE?: boolean;
  /** A host physical address; with nested translation a guest physical address. */
  readonly FSPTPTR?: number;
}

export function packPasidEntry(of: PasidEntryContent): [U64, U64, U64, U64, U64, U64, U64, U64] {
  const second = u64FromNumber(of.SSPTPTR ?? 0);
  const first = u64FromNumber(of.FSPTPTR ?? 0);
  const flag = (value: boolean | undefined, position: number) => Number(value ?? false) << position;
  return [
    u64(
      second.hi,
      second.lo | flag(of.P, 0) | flag(of.FPD, 1) | (of.AW << 2) | (of.PGTT << 6) | flag(of.SSADE, 9),
    ),
    u64(of.PAT ?? 0, of.DID | flag(of.PWSNP, 23) | flag(of.PGSNP, 24) | flag(of.CD, 25) | flag(of.EMTE, 26)),
    u64(
      first.hi,
      first.lo |
        flag(of.SRE, 0) |
        flag(of.ERE, 1) |
        ((of.FSPM ?? 0) << 2) |
        flag(of.WPE, 4) |
        flag(of.NXE, 5) |
        flag(of.SMEP, 6) |
        flag(of.EAFE, 7),
    ),
    ZERO,
    ZERO,
    ZERO,
    ZERO,
    ZERO,
  ];
}

/**
 * Bits that must be zero in a present entry of one PGTT. A table pointer the type does not use is ignored;
 * a nested FSPTPTR is a guest address, whose width is checked as programming and not as reserved bits.
 */
export function reservedInPasidEntry(
  capabilities: Pick<
    UnitCapabilities,
    'domainIdBits' | 'SSADS' | 'SMPWCS' | 'SC' | 'MTS' | 'ERS' | 'HPTS' | 'majorVersion'
  >,
  hostAddressWidth: number,
  pgtt: number,
): readonly U64[] {
  const address = reservedAddressBits(hostAddressWidth);
  const usesSecond = pgtt === PASID_TRANSLATION_TYPE.SECOND_STAGE || pgtt === PASID_TRANSLATION_TYPE.NESTED;
  let word0 = orU64(maskOf(5, 5), maskOf(11, 10));
  if (!capabilities.SSADS) word0 = orU64(word0, maskOf(9, 9));
  if (usesSecond) word0 = orU64(word0, address);
  let word1 = orU64(maskOf(22, 16), maskOf(31, 27));
  if (capabilities.domainIdBits < 16) word1 = orU64(word1, maskOf(15, capabilities.domainIdBits));
  if (!capabilities.SMPWCS) word1 = orU64(word1, maskOf(23, 23));
  if (!capabilities.SC) word1 = orU64(word1, maskOf(24, 24));
  if (!capabilities.MTS) word1 = orU64(word1, orU64(maskOf(26, 25), maskOf(63, 32)));
  let word2 = maskOf(11, 8);
  if (!capabilities.ERS || capabilities.majorVersion > 7) word2 = orU64(word2, maskOf(1, 1));
  if (pgtt === PASID_TRANSLATION_TYPE.FIRST_STAGE) word2 = orU64(word2, address);
  const word4 = capabilities.HPTS ? orU64(maskOf(11, 3), address) : ALL_ONES;
  const word5 = capabilities.HPTS ? maskOf(63, 16) : ALL_ONES;
  return [word0, word1, word2, ALL_ONES, word4, word5, ALL_ONES, ALL_ONES];
}
