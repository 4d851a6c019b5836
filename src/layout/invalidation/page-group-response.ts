import type { U64 } from '../../bits/u64.js';
import {
  DESCRIPTOR_TYPE,
  type DescriptorField,
  type DescriptorWords,
  packDescriptor,
  parseDescriptor,
} from './descriptor.js';

/** Spec: VT-d 7.7.1 "Page Group Response Descriptor". */
export const PAGE_GROUP_RESPONSE_FIELDS = [
  { name: 'PP', word: 0, last: 4, first: 4 },
  { name: 'RC', word: 0, last: 15, first: 12 },
  { name: 'RID', word: 0, last: 31, first: 16 },
  { name: 'PASID', word: 0, last: 51, first: 32 },
  // Ignored today; older revisions had the last-page flag here, and drivers of that time still set it.
  { name: 'LPIG', word: 1, last: 2, first: 2 },
  { name: 'PRGI', word: 1, last: 11, first: 3 },
] as const satisfies readonly DescriptorField[];

/** Response codes of a page request group. Spec: PCI Express ATS, "Page Request Group Response". */
export const PAGE_RESPONSE = { SUCCESS: 0, INVALID: 1, FAILURE: 0xf } as const;

/** Answers a group of page requests. */
export interface PageGroupResponse {
  readonly sourceId: number;
  /** Null when the requests had none. */
  readonly pasid: number | null;
  readonly groupIndex: number;
  /** A value of {@link PAGE_RESPONSE}. */
  readonly code: number;
}

export function packPageGroupResponse(of: PageGroupResponse): DescriptorWords {
  return packDescriptor(DESCRIPTOR_TYPE.PAGE_GROUP_RESPONSE, PAGE_GROUP_RESPONSE_FIELDS, {
    PP: of.pasid === null ? 0 : 1,
    RC: of.code,
    RID: of.sourceId,
    PASID: of.pasid ?? 0,
    PRGI: of.groupIndex,
  });
}

export function parsePageGroupResponse(words: readonly U64[]): PageGroupResponse {
  const { PP, RC, RID, PASID, PRGI } = parseDescriptor(PAGE_GROUP_RESPONSE_FIELDS, words);
  return { sourceId: RID, pasid: PP === 1 ? PASID : null, groupIndex: PRGI, code: RC };
}
