import { type U64, ZERO, maskOf, orU64, u64, u64FromNumber } from '../bits/u64.js';
import type { UnitCapabilities } from './capability.js';
import type { FieldDefinition } from './fields.js';
import { reservedAddressBits } from './root-entry.js';

/**
 * First-stage paging entries: the processor's own format, 8 bytes, 512 in one page, 4 or 5 levels.
 *
 * Spec: VT-d 9.8 "First-Stage Paging Entries". Levels count up from the leaves: FS-PTE is 1, FS-PDE 2,
 * FS-PDPE 3, FS-PML4E 4, FS-PML5E 5.
 */
export const FIRST_STAGE = {
  PRESENT: 1 << 0,
  WRITE: 1 << 1,
  /** 1: user requests may pass. */
  USER: 1 << 2,
  ACCESSED: 1 << 5,
  /** Leaves only. */
  DIRTY: 1 << 6,
  /** Bit 7: this entry of level 2 or 3 maps a page of 2 MiB or 1 GiB. */
  PAGE_SIZE: 1 << 7,
  /** Set beside ACCESSED while EAFE. */
  EXTENDED_ACCESSED: 1 << 10,
} as const;

const COMMON = [
  { name: 'P', word: 0, last: 0, first: 0, meaning: 'present' },
  { name: 'R/W', word: 0, last: 1, first: 1, meaning: 'write' },
  { name: 'U/S', word: 0, last: 2, first: 2, meaning: 'user' },
  { name: 'PWT', word: 0, last: 3, first: 3, meaning: 'write-through' },
  { name: 'PCD', word: 0, last: 4, first: 4, meaning: 'cache disable' },
  { name: 'A', word: 0, last: 5, first: 5, meaning: 'accessed' },
] as const;
const EXTENDED = { name: 'EA', word: 0, last: 10, first: 10, meaning: 'extended accessed' } as const;
const EXECUTE_DISABLE = { name: 'XD', word: 0, last: 63, first: 63, meaning: 'execute disable' } as const;
const DIRTY_FIELD = { name: 'D', word: 0, last: 6, first: 6, meaning: 'dirty' } as const;
const PAGE_SIZE_BIT = { name: 'PS', word: 0, last: 7, first: 7, meaning: 'large page' } as const;

export const FIRST_STAGE_TABLE_FIELDS = [
  ...COMMON,
  PAGE_SIZE_BIT,
  EXTENDED,
  { name: 'ADDR', word: 0, last: 51, first: 12, meaning: 'next table', address: true },
  EXECUTE_DISABLE,
] as const satisfies readonly FieldDefinition[];

export const FIRST_STAGE_LEAF_FIELDS = [
  ...COMMON,
  DIRTY_FIELD,
  { name: 'PAT', word: 0, last: 7, first: 7, meaning: 'page attribute' },
  EXTENDED,
  { name: 'ADDR', word: 0, last: 51, first: 12, meaning: 'page', address: true },
  EXECUTE_DISABLE,
] as const satisfies readonly FieldDefinition[];

export const FIRST_STAGE_LARGE_LEAF_FIELDS = [
  ...COMMON,
  DIRTY_FIELD,
  PAGE_SIZE_BIT,
  EXTENDED,
  { name: 'PAT', word: 0, last: 12, first: 12, meaning: 'page attribute' },
  { name: 'ADDR', word: 0, last: 51, first: 21, meaning: 'page', address: true },
  EXECUTE_DISABLE,
] as const satisfies readonly FieldDefinition[];

/** The field table for an entry found at a level. */
export function firstStageFields(level: number, entry: U64): readonly FieldDefinition[] {
  if (level === 1) return FIRST_STAGE_LEAF_FIELDS;
  const isLarge = level <= 3 && (entry.lo & FIRST_STAGE.PAGE_SIZE) !== 0;
  return isLarge ? FIRST_STAGE_LARGE_LEAF_FIELDS : FIRST_STAGE_TABLE_FIELDS;
}

export interface FirstStageEntryContent {
  /** Page or next table: a host physical address, or a guest physical one below a nested FSPTPTR. */
  readonly ADDR: number;
  readonly P: boolean;
  readonly RW: boolean;
  readonly US: boolean;
  readonly PS?: boolean;
  readonly A?: boolean;
  readonly D?: boolean;
  readonly XD?: boolean;
}

export function packFirstStageEntry(of: FirstStageEntryContent): U64 {
  const address = u64FromNumber(of.ADDR);
  const flags =
    (of.P ? FIRST_STAGE.PRESENT : 0) |
    (of.RW ? FIRST_STAGE.WRITE : 0) |
    (of.US ? FIRST_STAGE.USER : 0) |
    (of.A ? FIRST_STAGE.ACCESSED : 0) |
    (of.D ? FIRST_STAGE.DIRTY : 0) |
    (of.PS ? FIRST_STAGE.PAGE_SIZE : 0);
  return u64(address.hi | (of.XD ? 0x80000000 : 0), address.lo | flags);
}

/** Whether entries of this level may map a large page. 2 MiB pages need no capability. */
export function firstStageLargePages(capabilities: Pick<UnitCapabilities, 'FS1GP'>, level: number): boolean {
  return level === 2 || (level === 3 && capabilities.FS1GP);
}

/**
 * Bits that must be zero in a present entry of a level. PS where no large page may be is among them: such
 * an entry counts as a table.
 *
 * @param addressWidth width of the addresses the entries hold: host, or 52 for guest addresses, whose
 *   excess has a fault of its own (0x74)
 */
export function reservedInFirstStage(addressWidth: number, level: number, isLeaf: boolean): U64 {
  const address = reservedAddressBits(addressWidth);
  let reserved = addressWidth < 52 ? u64(address.hi & 0x000fffff, address.lo) : ZERO;
  if (!isLeaf && level > 2) reserved = orU64(reserved, maskOf(7, 7));
  if (isLeaf && level === 2) reserved = orU64(reserved, maskOf(20, 13));
  if (isLeaf && level === 3) reserved = orU64(reserved, maskOf(29, 13));
  return reserved;
}
