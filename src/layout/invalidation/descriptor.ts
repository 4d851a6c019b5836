import { type U64, ZERO, andU64, field, isZero, maskOf, notU64, orU64, withField } from '../../bits/u64.js';
import type { FieldDefinition } from '../fields.js';

/** The two words every descriptor has; a 256-bit one adds two that are 0 in all present types. */
export type DescriptorWords = readonly [U64, U64];

/** A bit field of a descriptor. */
export interface DescriptorField extends FieldDefinition {
  readonly word: 0 | 1;
}

/**
 * The type number is in two places: 3:0, and 11:9 above it, which older texts call reserved.
 * Spec: VT-d 6.5.2 "Queued Invalidation Interface".
 */
export const TYPE_FIELDS = [
  { name: 'TYPE_LOW', word: 0, last: 3, first: 0 },
  { name: 'TYPE_HIGH', word: 0, last: 11, first: 9 },
] as const satisfies readonly DescriptorField[];

/** Descriptor types by name. */
export const DESCRIPTOR_TYPE = {
  CONTEXT_CACHE: 1,
  IOTLB: 2,
  DEVICE_TLB: 3,
  INTERRUPT_ENTRY_CACHE: 4,
  WAIT: 5,
  PASID_IOTLB: 6,
  PASID_CACHE: 7,
  PASID_DEVICE_TLB: 8,
  PAGE_GROUP_RESPONSE: 9,
  HOST_PERMISSION_TABLE: 0xa,
} as const;

/** The type number of a descriptor. */
export function descriptorType(words: readonly U64[]): number {
  return (words[0].lo & 15) | ((words[0].lo >>> 5) & 0x70);
}

/** Builds the words of a descriptor; fields not named are 0. */
export function packDescriptor<F extends DescriptorField>(
  type: number,
  fields: readonly F[],
  content: { readonly [K in F['name']]?: number },
): DescriptorWords {
  const words: [U64, U64] = [{ hi: 0, lo: (type & 15) | ((type & 0x70) << 5) }, ZERO];
  for (const each of fields) {
    const value = content[each.name as F['name']];
    if (value !== undefined) words[each.word] = withField(words[each.word], each.last, each.first, value);
  }
  return words;
}

/** The contents of a descriptor's fields. */
export function parseDescriptor<F extends DescriptorField>(
  fields: readonly F[],
  words: readonly U64[],
): { readonly [K in F['name']]: number } {
  const content: Record<string, number> = {};
  for (const each of fields) content[each.name] = field(words[each.word], each.last, each.first);
  return content as { readonly [K in F['name']]: number };
}

/** Masks of the bits that belong to no field. */
export function reservedMasks(fields: readonly DescriptorField[]): DescriptorWords {
  const used: [U64, U64] = [ZERO, ZERO];
  for (const each of [...TYPE_FIELDS, ...fields]) {
    used[each.word] = orU64(used[each.word], maskOf(each.last, each.first));
  }
  return [notU64(used[0]), notU64(used[1])];
}

/** Whether a bit is set that the masks call reserved, or any bit of the upper half of a 256-bit descriptor. */
export function hasReservedBits(masks: DescriptorWords, words: readonly U64[]): boolean {
  if (!isZero(andU64(words[0], masks[0])) || !isZero(andU64(words[1], masks[1]))) return true;
  return words.length > 2 && !(isZero(words[2]) && isZero(words[3]));
}
