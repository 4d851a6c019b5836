import { type U64, maskOf, orU64, u64, u64FromNumber } from '../bits/u64.js';
import type { Hpa } from '../bits/address.js';
import type { UnitCapabilities } from './capability.js';
import type { FieldDefinition } from './fields.js';
import { reservedAddressBits } from './root-entry.js';

/**
 * Second-stage paging entries: 8 bytes, 512 in one page, 3 to 5 levels.
 *
 * Spec: VT-d 9.9 "Second-Stage Paging Entries". Levels here count up from the leaves: SS-PTE is 1,
 * SS-PDE 2, SS-PDPE 3, SS-PML4E 4, SS-PML5E 5. There is no present bit: an entry with neither R nor W is
 * not present.
 */
export const SECOND_STAGE = {
  READ: 1 << 0,
  WRITE: 1 << 1,
  /** Bit 7: this entry of level 2 or 3 maps a page of 2 MiB or 1 GiB. */
  PAGE_SIZE: 1 << 7,
  ACCESSED: 1 << 8,
  DIRTY: 1 << 9,
  /** Leaves only: the access is snooped. Needs ECAP.SC. */
  SNOOP: 1 << 11,
} as const;

const PERMISSIONS = [
  { name: 'R', word: 0, last: 0, first: 0, meaning: 'read' },
  { name: 'W', word: 0, last: 1, first: 1, meaning: 'write' },
] as const;
const LEAF_COMMON = [
  ...PERMISSIONS,
  { name: 'EMT', word: 0, last: 5, first: 3, values: { 0: 'UC', 1: 'WC', 4: 'WT', 5: 'WP', 6: 'WB' } },
  { name: 'IPAT', word: 0, last: 6, first: 6, meaning: 'PAT ignored' },
] as const;
const LEAF_FLAGS = [
  { name: 'A', word: 0, last: 8, first: 8, meaning: 'accessed' },
  { name: 'D', word: 0, last: 9, first: 9, meaning: 'dirty' },
  { name: 'SNP', word: 0, last: 11, first: 11, meaning: 'snooped' },
] as const;
const HIGH_PERMISSIONS = [
  { name: 'IR', word: 0, last: 61, first: 61, meaning: 'read while SSIRWE' },
  { name: 'IW', word: 0, last: 62, first: 62, meaning: 'write while SSIRWE' },
] as const;
const PAGE_SIZE_BIT = { name: 'PS', word: 0, last: 7, first: 7, meaning: 'large page' } as const;

export const SECOND_STAGE_TABLE_FIELDS = [
  ...PERMISSIONS,
  PAGE_SIZE_BIT,
  { name: 'A', word: 0, last: 8, first: 8, meaning: 'accessed' },
  { name: 'ADDR', word: 0, last: 51, first: 12, meaning: 'next table', address: true },
  ...HIGH_PERMISSIONS,
] as const satisfies readonly FieldDefinition[];

export const SECOND_STAGE_LEAF_FIELDS = [
  ...LEAF_COMMON,
  ...LEAF_FLAGS,
  { name: 'ADDR', word: 0, last: 51, first: 12, meaning: 'page', address: true },
  ...HIGH_PERMISSIONS,
] as const satisfies readonly FieldDefinition[];

export const SECOND_STAGE_LARGE_LEAF_FIELDS = [
  ...LEAF_COMMON,
  PAGE_SIZE_BIT,
  ...LEAF_FLAGS,
  { name: 'ADDR', word: 0, last: 51, first: 21, meaning: 'page', address: true },
  ...HIGH_PERMISSIONS,
] as const satisfies readonly FieldDefinition[];

/** The field table for an entry found at a level. */
export function secondStageFields(level: number, entry: U64): readonly FieldDefinition[] {
  if (level === 1) return SECOND_STAGE_LEAF_FIELDS;
  const isLarge = level <= 3 && (entry.lo & SECOND_STAGE.PAGE_SIZE) !== 0;
  return isLarge ? SECOND_STAGE_LARGE_LEAF_FIELDS : SECOND_STAGE_TABLE_FIELDS;
}

export interface SecondStageEntryContent {
  /** Page or next table. */
  readonly ADDR: Hpa;
  readonly R: boolean;
  readonly W: boolean;
  /** Large page; at levels 2 and 3 only. */
  readonly PS?: boolean;
  readonly A?: boolean;
  readonly D?: boolean;
  readonly SNP?: boolean;
}

export function packSecondStageEntry(of: SecondStageEntryContent): U64 {
  const address = u64FromNumber(of.ADDR);
  const flags =
    (of.R ? SECOND_STAGE.READ : 0) |
    (of.W ? SECOND_STAGE.WRITE : 0) |
    (of.PS ? SECOND_STAGE.PAGE_SIZE : 0) |
    (of.A ? SECOND_STAGE.ACCESSED : 0) |
    (of.D ? SECOND_STAGE.DIRTY : 0) |
    (of.SNP ? SECOND_STAGE.SNOOP : 0);
  return u64(address.hi, address.lo | flags);
}

/** What a unit's second-stage walk needs to know of its capabilities. */
export type SecondStageCapabilities = Pick<UnitCapabilities, 'SC' | 'SSLPS'>;

/** Whether entries of this level may map a large page. */
export function secondStageLargePages(capabilities: SecondStageCapabilities, level: number): boolean {
  return (level === 2 && (capabilities.SSLPS & 1) !== 0) || (level === 3 && (capabilities.SSLPS & 2) !== 0);
}

/**
 * Bits that must be zero in a present entry of a level. PS where no large page may be is among them: such
 * an entry counts as a table.
 *
 * @param highPermissions SSIRWE: bit 62 is then a permission, otherwise reserved
 */
export function reservedInSecondStage(
  capabilities: SecondStageCapabilities,
  hostAddressWidth: number,
  highPermissions: boolean,
  level: number,
  isLeaf: boolean,
): U64 {
  let reserved = u64(
    reservedAddressBits(hostAddressWidth).hi & 0x000fffff,
    reservedAddressBits(hostAddressWidth).lo,
  );
  if (!highPermissions) reserved = orU64(reserved, maskOf(62, 62));
  if (!isLeaf) return orU64(reserved, orU64(maskOf(7, 7), maskOf(11, 11)));
  if (!capabilities.SC) reserved = orU64(reserved, maskOf(11, 11));
  if (level === 2) reserved = orU64(reserved, maskOf(20, 12));
  if (level === 3) reserved = orU64(reserved, maskOf(29, 12));
  return reserved;
}
