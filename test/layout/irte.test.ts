import { toHex, u64 } from '../../src/bits/u64.js';
import {
  type InterruptEntryWords,
  SOURCE_VALIDATION,
  hasReservedInterruptEntryBits,
  isPosted,
  packInterruptEntry,
  parseInterruptEntry,
  postedDescriptorAddress,
} from '../../src/layout/irte.js';

const ENTRY = {
  present: true,
  faultProcessingDisabled: false,
  logicalDestination: true,
  redirectionHint: false,
  levelTriggered: true,
  deliveryMode: 1,
  vector: 0x31,
  destination: 0x0300,
  sourceId: 0x6a08,
  sourceIdQualifier: 2,
  sourceValidation: SOURCE_VALIDATION.SOURCE_ID,
};

describe('interrupt remapping table entry', () => {
  test('packs to words worked out from the field positions, and back', () => {
    const words = packInterruptEntry(ENTRY);
    expect(words.map(toHex)).toEqual(['0x30000310035', '0x66a08']);
    expect(parseInterruptEntry(words)).toEqual(ENTRY);
    expect(isPosted(words)).toBe(false);
  });

  test('in xAPIC mode only bits 15:8 of the destination may be set', () => {
    const wide = packInterruptEntry({ ...ENTRY, destination: 0x12345678 });
    expect(hasReservedInterruptEntryBits(wide, true)).toBe(false);
    expect(hasReservedInterruptEntryBits(wide, false)).toBe(true);
    expect(hasReservedInterruptEntryBits(packInterruptEntry(ENTRY), false)).toBe(false);
  });

  test.each([
    ['qw0 bit 12', u64(0, 0x1001), u64(0, 0)],
    ['qw0 bit 24', u64(0, 0x1000001), u64(0, 0)],
    ['qw1 bit 20', u64(0, 1), u64(0, 0x100000)],
    ['qw1 bit 63', u64(0, 1), u64(0x80000000, 0)],
    ['qw0 bit 2 of a posted entry', u64(0, 0x8005), u64(0, 0)],
    ['qw0 bit 32 of a posted entry', u64(1, 0x8001), u64(0, 0)],
  ])('reserves %s', (_, low, high) => {
    expect(hasReservedInterruptEntryBits([low, high], true)).toBe(true);
  });

  test('a posted entry names its descriptor in two parts', () => {
    const words: InterruptEntryWords = [u64(0x12345640, 0x00338001), u64(0x7, 0x6a08)];
    expect(isPosted(words)).toBe(true);
    expect(hasReservedInterruptEntryBits(words, false)).toBe(false);
    expect(toHex(postedDescriptorAddress(words))).toBe('0x712345640');
  });
});
