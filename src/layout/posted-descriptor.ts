import type { FieldDefinition } from './fields.js';

/**
 * A posted-interrupt descriptor: 64 bytes, shared with the processor's virtual interrupt delivery.
 * Spec: VT-d 9.12 "Posted Interrupt Descriptor". Words 0 to 3 are the request bitmap (PIR).
 */
export const POSTED_DESCRIPTOR_FIELDS = [
  { name: 'ON', word: 4, last: 0, first: 0, meaning: 'a notification is outstanding' },
  { name: 'SN', word: 4, last: 1, first: 1, meaning: 'notifications are suppressed' },
  { name: 'NV', word: 4, last: 23, first: 16, meaning: 'notification vector' },
  { name: 'NDST', word: 4, last: 63, first: 32, meaning: 'notification destination' },
] as const satisfies readonly FieldDefinition[];

/** Bits of the low half of word 4. */
export const POSTED_NOTIFICATION = { ON: 0x1, SN: 0x2 } as const;

/** Bits of the low half of word 4 that belong to no field. */
export const POSTED_RESERVED_LOW = 0xff00fffc;
