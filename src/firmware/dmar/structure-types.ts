import type { RemappingStructure } from '../../layout/dmar/table.js';

type KnownKind = Exclude<RemappingStructure['kind'], 'UNKNOWN'>;

/** Type number and bytes before device scopes (or the ANDD name) start. Spec: VT-d chapter 8. */
export const STRUCTURE_TYPES = {
  DRHD: { type: 0, fixedLength: 16 },
  RMRR: { type: 1, fixedLength: 24 },
  ATSR: { type: 2, fixedLength: 8 },
  RHSA: { type: 3, fixedLength: 20 },
  ANDD: { type: 4, fixedLength: 8 },
  SATC: { type: 5, fixedLength: 8 },
  SIDP: { type: 6, fixedLength: 8 },
} as const satisfies Record<KnownKind, { type: number; fixedLength: number }>;

const KINDS = new Map<number, KnownKind>(
  Object.entries(STRUCTURE_TYPES).map(([kind, { type }]) => [type, kind as KnownKind]),
);

/** Null for a type this revision of the specification does not define. */
export function structureKindOf(type: number): KnownKind | null {
  return KINDS.get(type) ?? null;
}

/** Bytes of the table header; remapping structures start here. */
export const HEADER_LENGTH = 48;
