import { type U64, ZERO, field, withField } from '../bits/u64.js';
import type { FieldDefinition } from './fields.js';

/** A page request in the queue: 32 bytes. Spec: VT-d 7.5.1 "Page Request Descriptor". */
export const PAGE_REQUEST_FIELDS = [
  { name: 'TYPE', word: 0, last: 7, first: 0, meaning: '1' },
  { name: 'PASID_PRESENT', word: 0, last: 8, first: 8 },
  { name: 'RID', word: 0, last: 31, first: 16, meaning: 'source id' },
  { name: 'PASID', word: 0, last: 51, first: 32 },
  { name: 'EXR', word: 0, last: 52, first: 52, meaning: 'execute requested' },
  { name: 'PMR', word: 0, last: 53, first: 53, meaning: 'privileged mode requested' },
  { name: 'RDR', word: 1, last: 0, first: 0, meaning: 'read requested' },
  { name: 'WRR', word: 1, last: 1, first: 1, meaning: 'write requested' },
  { name: 'LPIG', word: 1, last: 2, first: 2, meaning: 'last page in group' },
  { name: 'PRGI', word: 1, last: 11, first: 3, meaning: 'page request group index' },
  { name: 'ADDR', word: 1, last: 63, first: 12, meaning: 'page address', address: true },
] as const satisfies readonly FieldDefinition[];

/** Bytes of one descriptor. */
export const PAGE_REQUEST_BYTES = 32;
const PAGE_REQUEST_TYPE = 1;

/** What a page request descriptor says. */
export interface PageRequestDescriptor {
  readonly sourceId: number;
  /** Null for a request without PASID. */
  readonly pasid: number | null;
  readonly execute: boolean;
  readonly privileged: boolean;
  readonly read: boolean;
  readonly write: boolean;
  readonly last: boolean;
  readonly groupIndex: number;
  readonly pfn: number;
}

/** The first two words; the other two are 0 since private data was removed. */
export function packPageRequest(of: PageRequestDescriptor): readonly [U64, U64] {
  const content: Readonly<Record<(typeof PAGE_REQUEST_FIELDS)[number]['name'], number>> = {
    TYPE: PAGE_REQUEST_TYPE,
    PASID_PRESENT: of.pasid === null ? 0 : 1,
    RID: of.sourceId,
    PASID: of.pasid ?? 0,
    EXR: Number(of.execute),
    PMR: Number(of.privileged),
    RDR: Number(of.read),
    WRR: Number(of.write),
    LPIG: Number(of.last),
    PRGI: of.groupIndex,
    ADDR: of.pfn,
  };
  const words: [U64, U64] = [ZERO, ZERO];
  for (const { name, word, last, first } of PAGE_REQUEST_FIELDS) {
    words[word] = withField(words[word], last, first, content[name]);
  }
  return words;
}

export function parsePageRequest(words: readonly U64[]): PageRequestDescriptor {
  const [low, high] = words;
  const flag = (word: U64, at: number) => field(word, at, at) === 1;
  return {
    sourceId: field(low, 31, 16),
    pasid: flag(low, 8) ? field(low, 51, 32) : null,
    execute: flag(low, 52),
    privileged: flag(low, 53),
    read: flag(high, 0),
    write: flag(high, 1),
    last: flag(high, 2),
    groupIndex: field(high, 11, 3),
    pfn: field(high, 63, 12),
  };
}
