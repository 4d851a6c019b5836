import { type U64, andU64, field, isZero, maskOf, notU64, orU64, withField } from '../bits/u64.js';
import type { FieldDefinition } from './fields.js';

/** An interrupt remapping table entry in remapped form. Spec: VT-d 9.10 "Interrupt Remapping Table Entry". */
export const IRTE_FIELDS = [
  { name: 'P', word: 0, last: 0, first: 0, meaning: 'present' },
  { name: 'FPD', word: 0, last: 1, first: 1, meaning: 'fault processing disabled' },
  { name: 'DM', word: 0, last: 2, first: 2, meaning: 'destination mode: 0 physical, 1 logical' },
  { name: 'RH', word: 0, last: 3, first: 3, meaning: 'redirection hint' },
  { name: 'TM', word: 0, last: 4, first: 4, meaning: 'trigger mode: 0 edge, 1 level' },
  { name: 'DLM', word: 0, last: 7, first: 5, meaning: 'delivery mode' },
  { name: 'AVAIL', word: 0, last: 11, first: 8, meaning: 'available to software' },
  { name: 'IM', word: 0, last: 15, first: 15, meaning: '0 remapped, 1 posted' },
  { name: 'V', word: 0, last: 23, first: 16, meaning: 'vector' },
  { name: 'DST', word: 0, last: 63, first: 32, meaning: 'destination' },
  { name: 'SID', word: 1, last: 15, first: 0, meaning: 'source id' },
  {
    name: 'SQ',
    word: 1,
    last: 17,
    first: 16,
    meaning: 'source-id bits ignored: 0 none, 1 [2], 2 [2:1], 3 [2:0]',
  },
  { name: 'SVT', word: 1, last: 19, first: 18, meaning: 'source check: 0 none, 1 source id, 2 bus range' },
] as const satisfies readonly FieldDefinition[];

/** The same entry in posted form. Spec: VT-d 9.11 "Interrupt Remapping Table Entry for Posted Interrupts". */
export const POSTED_IRTE_FIELDS = [
  { name: 'P', word: 0, last: 0, first: 0, meaning: 'present' },
  { name: 'FPD', word: 0, last: 1, first: 1, meaning: 'fault processing disabled' },
  { name: 'AVAIL', word: 0, last: 11, first: 8, meaning: 'available to software' },
  { name: 'URG', word: 0, last: 14, first: 14, meaning: 'urgent' },
  { name: 'IM', word: 0, last: 15, first: 15, meaning: '0 remapped, 1 posted' },
  { name: 'VV', word: 0, last: 23, first: 16, meaning: 'virtual vector' },
  { name: 'PDA_LOW', word: 0, last: 63, first: 38, meaning: 'posted descriptor address 31:6' },
  { name: 'SID', word: 1, last: 15, first: 0, meaning: 'source id' },
  { name: 'SQ', word: 1, last: 17, first: 16, meaning: 'source-id bits ignored' },
  { name: 'SVT', word: 1, last: 19, first: 18, meaning: 'source check' },
  { name: 'PDA_HIGH', word: 1, last: 63, first: 32, meaning: 'posted descriptor address 63:32' },
] as const satisfies readonly FieldDefinition[];

/** Values of SVT. */
export const SOURCE_VALIDATION = { NONE: 0, SOURCE_ID: 1, BUS_RANGE: 2 } as const;

/** A remapped-form entry by its fields. */
export interface RemappedInterruptEntry {
  readonly present: boolean;
  readonly faultProcessingDisabled: boolean;
  readonly logicalDestination: boolean;
  readonly redirectionHint: boolean;
  readonly levelTriggered: boolean;
  readonly deliveryMode: number;
  readonly vector: number;
  /** The APIC id as the whole DST field: shifted to 15:8 unless the unit is in extended mode. */
  readonly destination: number;
  readonly sourceId: number;
  readonly sourceIdQualifier: number;
  readonly sourceValidation: number;
}

export type InterruptEntryWords = readonly [U64, U64];

export function packInterruptEntry(of: RemappedInterruptEntry): InterruptEntryWords {
  const content: Readonly<Record<(typeof IRTE_FIELDS)[number]['name'], number>> = {
    P: Number(of.present),
    FPD: Number(of.faultProcessingDisabled),
    DM: Number(of.logicalDestination),
    RH: Number(of.redirectionHint),
    TM: Number(of.levelTriggered),
    DLM: of.deliveryMode,
    AVAIL: 0,
    IM: 0,
    V: of.vector,
    DST: of.destination,
    SID: of.sourceId,
    SQ: of.sourceIdQualifier,
    SVT: of.sourceValidation,
  };
  const words: [U64, U64] = [
    { hi: 0, lo: 0 },
    { hi: 0, lo: 0 },
  ];
  for (const { name, word, last, first } of IRTE_FIELDS) {
    words[word] = withField(words[word], last, first, content[name]);
  }
  return words;
}

export function isPosted(words: InterruptEntryWords): boolean {
  return field(words[0], 15, 15) === 1;
}

/** Reads an entry as the remapped form. */
export function parseInterruptEntry(words: InterruptEntryWords): RemappedInterruptEntry {
  const [low, high] = words;
  return {
    present: field(low, 0, 0) === 1,
    faultProcessingDisabled: field(low, 1, 1) === 1,
    logicalDestination: field(low, 2, 2) === 1,
    redirectionHint: field(low, 3, 3) === 1,
    levelTriggered: field(low, 4, 4) === 1,
    deliveryMode: field(low, 7, 5),
    vector: field(low, 23, 16),
    destination: low.hi,
    sourceId: field(high, 15, 0),
    sourceIdQualifier: field(high, 17, 16),
    sourceValidation: field(high, 19, 18),
  };
}

/** Host address of a posted-interrupt descriptor; 64-byte aligned. */
export function postedDescriptorAddress(words: InterruptEntryWords): U64 {
  return { hi: words[1].hi, lo: (words[0].hi & 0xffffffc0) >>> 0 };
}

/** Whether a bit is set that the entry's form reserves. In xAPIC mode only bits 15:8 of the destination exist. */
export function hasReservedInterruptEntryBits(words: InterruptEntryWords, extendedMode: boolean): boolean {
  const masks = isPosted(words) ? POSTED_RESERVED : extendedMode ? EXTENDED_RESERVED : COMPACT_RESERVED;
  return !isZero(andU64(words[0], masks[0])) || !isZero(andU64(words[1], masks[1]));
}

function reservedOf(fields: readonly FieldDefinition[]): InterruptEntryWords {
  const used: [U64, U64] = [
    { hi: 0, lo: 0 },
    { hi: 0, lo: 0 },
  ];
  for (const { word, last, first } of fields) used[word] = orU64(used[word], maskOf(last, first));
  return [notU64(used[0]), notU64(used[1])];
}

const POSTED_RESERVED = reservedOf(POSTED_IRTE_FIELDS);
const EXTENDED_RESERVED = reservedOf(IRTE_FIELDS);
const COMPACT_RESERVED: InterruptEntryWords = [
  orU64(EXTENDED_RESERVED[0], orU64(maskOf(63, 48), maskOf(39, 32))),
  EXTENDED_RESERVED[1],
];
