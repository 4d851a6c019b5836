import { toHex } from '../../src/bits/u64.js';
import { decodeFields } from '../../src/layout/fields.js';
import { packFirstStageEntry, reservedInFirstStage } from '../../src/layout/first-stage.js';
import {
  packSecondStageEntry,
  reservedInSecondStage,
  secondStageFields,
  secondStageLargePages,
} from '../../src/layout/second-stage.js';
import { word } from '../support/hardware/words.js';

const HAW = 39;
const TWO_SIZES = { SC: false, SSLPS: 3 };

/**
 * Masks of the QEMU emulation: for HAW 39 bits 51:39 and 62 are reserved everywhere, plus what each level adds.
 */
const QEMU_COMMON = 0x400fff8000000000n;

describe('second-stage entries', () => {
  test.each([
    ['table of level 2', 2, false, 0x880n],
    ['table of level 3', 3, false, 0x880n],
    ['table of level 4', 4, false, 0x880n],
    ['table of level 5', 5, false, 0x880n],
    ['4 KiB leaf', 1, true, 0x800n],
    ['2 MiB leaf', 2, true, 0x1ff800n],
    ['1 GiB leaf', 3, true, 0x3ffff800n],
  ] as const)('reserves the bits of a %s', (_name, level, isLeaf, added) => {
    const reserved = reservedInSecondStage(TWO_SIZES, HAW, false, level, isLeaf);
    expect(BigInt(toHex(reserved))).toBe(QEMU_COMMON | added);
  });

  test('with snoop control bit 11 is free in leaves and still reserved in tables', () => {
    const snooping = { SC: true, SSLPS: 3 };
    expect(reservedInSecondStage(snooping, HAW, false, 1, true).lo & 0x800).toBe(0);
    expect(reservedInSecondStage(snooping, HAW, false, 2, false).lo & 0x800).toBe(0x800);
  });

  test('bit 62 is a permission and not reserved while SSIRWE', () => {
    expect(reservedInSecondStage(TWO_SIZES, HAW, true, 1, true).hi >>> 30).toBe(0);
  });

  test('large pages are at the levels SSLPS names', () => {
    const at = (SSLPS: number) =>
      [1, 2, 3, 4].map((level) => secondStageLargePages({ SC: false, SSLPS }, level));
    expect([at(0), at(1), at(3)]).toEqual([
      [false, false, false, false],
      [false, true, false, false],
      [false, true, true, false],
    ]);
  });

  test('packs the entries of the worked fixture', () => {
    expect(toHex(packSecondStageEntry({ ADDR: 0x13000, R: true, W: true }))).toBe('0x13003');
    expect(toHex(packSecondStageEntry({ ADDR: 0x40000000, R: true, W: true, PS: true }))).toBe('0x40000083');
  });

  test('shows a large leaf with its own fields', () => {
    const entry = word('0x40000083');
    const fields = decodeFields(secondStageFields(2, entry), [entry]);
    expect(fields.find(({ name }) => name === 'ADDR')?.value).toEqual(word('0x40000000'));
    expect(fields.some(({ name }) => name === 'SNP')).toBe(true);
    expect(decodeFields(secondStageFields(4, entry), [entry]).some(({ name }) => name === 'SNP')).toBe(false);
  });
});

describe('first-stage entries', () => {
  test.each([
    ['table of level 2', 2, false, 0n],
    ['table of level 3', 3, false, 0x80n],
    ['table of level 4', 4, false, 0x80n],
    ['4 KiB leaf', 1, true, 0n],
    ['2 MiB leaf', 2, true, 0x1fe000n],
    ['1 GiB leaf', 3, true, 0x3fffe000n],
  ] as const)('reserves the bits of a %s', (_name, level, isLeaf, added) => {
    const reserved = reservedInFirstStage(HAW, level, isLeaf);
    expect(BigInt(toHex(reserved))).toBe(0x000fff8000000000n | added);
  });

  test('packs the entries of the worked fixture, accessed and dirty', () => {
    const leaf = { ADDR: 0xdef0000, P: true, RW: true, US: true };
    expect(toHex(packFirstStageEntry(leaf))).toBe('0xdef0007');
    expect(toHex(packFirstStageEntry({ ...leaf, A: true, D: true }))).toBe('0xdef0067');
    expect(toHex(packFirstStageEntry({ ...leaf, XD: true }))).toBe('0x800000000def0007');
  });
});
