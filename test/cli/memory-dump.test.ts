import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readMemoryDump } from '../../src/cli/memory-dump.js';
import { DumpMemory } from '../../src/cli/dump-memory.js';
import { SEGMENT_FRAMES_LG2 } from '../../src/memory/host-memory.js';
import {
  type TablesFile,
  dumpDirectory,
  dumpOf,
  emptyDirectory,
  framesOf,
  pagesOf,
  tablesOf,
} from '../support/cli/dump-directory.js';
import { walkPieces } from '../support/cli/run-walk.js';
import { legacyBench } from '../support/hardware/fixture-legacy.js';

const bench = legacyBench();
const TABLES = tablesOf(bench);
const PAGES = pagesOf(bench, framesOf(bench));
const without = (...names: string[]) =>
  Object.fromEntries(Object.entries(TABLES.regs ?? {}).filter(([name]) => !names.includes(name)));

/** The one line a directory is refused with. */
async function complaint(directory: string): Promise<string> {
  const { status, output, errors } = await walkPieces(directory, true, [Buffer.from('{}\n')]);
  expect({ status, output }).toEqual({ status: 1, output: '' });
  expect(errors).toMatch(/^walk: [^\n]+\n$/);
  return errors;
}

describe('a directory that is no dump is refused in one line', () => {
  test('one that does not exist, or is empty', async () => {
    const directory = emptyDirectory();
    expect(await complaint(directory)).toContain('tables.json cannot be read');
    expect(await complaint(join(directory, 'nowhere'))).toContain('tables.json cannot be read');
  });

  test('one without pages, or with pages cut short', async () => {
    const directory = dumpOf(bench);
    writeFileSync(join(directory, 'tables.bin.gz'), gzipSync(PAGES).subarray(0, 40));
    expect(await complaint(directory)).toContain('tables.bin.gz cannot be unpacked');
    writeFileSync(join(directory, 'tables.bin.gz'), 'no archive');
    expect(await complaint(directory)).toContain('tables.bin.gz cannot be unpacked');
    rmSync(join(directory, 'tables.bin.gz'));
    expect(await complaint(directory)).toContain('tables.bin.gz cannot be read');
  });

  test.each<[string, TablesFile | string, string]>([
    ['text that is not JSON', '{"regs": {', 'tables.json is not JSON'],
    ['null', 'null', 'tables.json has no "regs"'],
    ['no registers', { pages: [] }, 'tables.json has no "regs"'],
    ['no pages', { regs: TABLES.regs }, 'tables.json has no list "pages"'],
    ['CAP missing', { ...TABLES, regs: without('CAP') }, 'lacks the registers CAP'],
    ['two missing', { ...TABLES, regs: without('RTADDR', 'VER') }, 'lacks the registers VER, RTADDR'],
    [
      'a register in words',
      { ...TABLES, regs: { ...TABLES.regs, ECAP: 'many' } },
      'ECAP is no number: "many"',
    ],
    ['a page that is null', { ...TABLES, pages: [null] }, 'page 0 has no page address'],
    [
      'a page at an odd address',
      { ...TABLES, pages: [{ gpa: '0x123', offset: 0 }] },
      'page 0 has no page address',
    ],
    [
      'a page beyond 52 bits',
      { ...TABLES, pages: [{ gpa: '0x10000000000000', offset: 0 }] },
      'no page address',
    ],
    [
      'a page without offset',
      { ...TABLES, pages: [{ gpa: '0x1000' }] },
      'page 0 has no place in tables.bin.gz',
    ],
    [
      'a page beyond the end',
      { ...TABLES, pages: [{ gpa: '0x1000', offset: PAGES.length - 4095 }] },
      `tables.bin.gz ends at byte ${PAGES.length}, before page 0`,
    ],
    ['a width in words', { ...TABLES, host_address_width: 'wide' }, '"host_address_width" is no width'],
    ['a width of 53', { ...TABLES, host_address_width: 53 }, '"host_address_width" is no width'],
  ])('tables.json with %s', async (_what, tables, message) => {
    expect(await complaint(dumpDirectory(tables, PAGES))).toContain(message);
  });
});

describe('what a dump says', () => {
  test('the unit has its version and capabilities, the root table latched, and translates', () => {
    const { unit, memory, translationEnabled } = readMemoryDump(dumpOf(bench));
    expect([0x00, 0x08, 0x10, 0x20].map((offset) => unit.readRegister(offset, 8))).toEqual([
      { hi: 0, lo: 0x10 },
      bench.unit.readRegister(0x08, 8),
      bench.unit.readRegister(0x10, 8),
      { hi: 0, lo: 0x10000 },
    ]);
    expect(unit.readRegister(0x1c, 4).lo).toBe(0xc0000000);
    expect(unit.rootTable.address).toBe(0x10000);
    expect({ pages: memory.pages, translationEnabled }).toEqual({ pages: 6, translationEnabled: true });
  });

  test('numbers may be hexadecimal, decimal or JSON numbers', () => {
    const regs = { ...TABLES.regs, VER: 16, RTADDR: '65536' };
    const { unit } = readMemoryDump(dumpDirectory({ ...TABLES, regs }, PAGES));
    expect(unit.rootTable.address).toBe(0x10000);
  });

  test('without a stated width, host addresses have the guest width or what the pages need', () => {
    const tables = { ...TABLES, host_address_width: undefined };
    const widthOf = (file: TablesFile) => readMemoryDump(dumpDirectory(file, PAGES)).hostAddressWidth;
    // MGAW of the fixture.
    expect(widthOf(tables)).toBe(48);
    const high = { gpa: '0x2000000000000', offset: 0 };
    expect(widthOf({ ...tables, pages: [...(TABLES.pages ?? []), high] })).toBe(50);
    expect(widthOf(TABLES)).toBe(39);
  });
});

describe('pages of a dump', () => {
  const page = (fill: number) => new Uint8Array(4096).fill(fill);

  test('are all readable with their own bytes, and nothing else is', () => {
    // 0x100 frames apart: the same place of different segments; and neighbours.
    const frames = [5, 0x105, 0x10005, 6, 0xfffffffff];
    const memory = DumpMemory.of(frames.map((frame, index) => ({ frame, bytes: page(index + 1) })));
    frames.forEach((frame, index) => {
      expect(memory.isReadable(frame)).toBe(true);
      expect(memory.readBytes(frame * 4096, 4096)).toEqual(page(index + 1));
      expect(memory.load64(frame * 4096).lo).toBe((index + 1) * 0x01010101);
    });
    for (const frame of [4, 7, 0x106, 0x205, 2 ** 40]) expect(memory.isReadable(frame)).toBe(false);
    expect(memory.pages).toBe(5);
  });

  test('take no more segments than the fullest place has frames', () => {
    const frames = Array.from({ length: 4096 }, (_, index) => index * 0x1001 + 3);
    const memory = DumpMemory.of(frames.map((frame) => ({ frame, bytes: page(1) })));
    expect(new Set(frames.map((frame) => memory.segment(frame))).size).toBe(4096 / 2 ** SEGMENT_FRAMES_LG2);
  });

  test('listed twice hold what came last', () => {
    const memory = DumpMemory.of([
      { frame: 9, bytes: page(1) },
      { frame: 9, bytes: page(2) },
    ]);
    expect(memory.load32(9 * 4096)).toBe(0x02020202);
    expect(memory.pages).toBe(1);
  });
});
