import { IoPageTable } from '../dist/kernel/intel/page-table.js';
import { FrameAllocator } from '../dist/memory/frame-allocator.js';
import { HostMemory } from '../dist/memory/host-memory.js';
import { compare } from './measure.mjs';

const READ_WRITE = 3;
const LEVELS = 4;
/** 64 GiB in 4 KiB pages need 32,832 tables. */
const TABLE_FRAMES = 40000;
const TERABYTE = 2 ** 40;

const FIRST = 0x1000;
const PHYSICAL = 0x10000;
const MILLION = 2 ** 20;
const RANGE_PAGES = 2 ** 24;
const RANGE_FIRST = 2 ** 24;
const RANGE_PHYSICAL = 2 ** 25;
const CYCLES = 1000;

/** Sum of the frames a run of pages is mapped to, as the C program adds them up. */
const sumOfRun = (physical, pages) => (pages * physical + (pages * (pages - 1)) / 2) % 2 ** 32;

/** Writing tables: single pages, as drivers map them, and whole ranges. */
export async function pageTable(limit) {
  const memory = new HostMemory(TERABYTE);
  memory.useSlab(0);
  const table = new IoPageTable(memory, new FrameAllocator(0, TABLE_FRAMES), LEVELS, READ_WRITE, 0);
  const report = () => ({ written: [0, 0, 0, 0], conflicts: [], pages: 0 });
  const empty = () => table.release(table.clear(0, 2 ** 36 - 1));
  const mapRange = (pfn, physical, pages, superpages) => {
    const written = report();
    if (!table.map(pfn, physical, pages, READ_WRITE, superpages, written)) throw new Error('out of frames');
    if (written.conflicts.length > 0) throw new Error('pages were mapped already');
  };
  const sum = (pfn, pages) => () => {
    let total = 0;
    for (let page = pfn; page < pfn + pages; page++) {
      const physical = table.translate(page);
      if (physical >= 0) total += physical;
    }
    return total % 2 ** 32;
  };
  await limit?.ask(`frames ${TABLE_FRAMES}`);

  const rows = [];
  rows.push(
    await compare(limit, {
      name: 'map, 1 Mi pages of 4 KiB, one by one',
      operations: MILLION,
      target: 3,
      before: empty,
      run: () => {
        const written = report();
        for (let page = 0; page < MILLION; page++) {
          table.map(FIRST + page, PHYSICAL + page, 1, READ_WRITE, 0, written);
        }
      },
      sum: sum(FIRST, MILLION),
      expected: sumOfRun(PHYSICAL, MILLION),
      command: `map-pages ${FIRST} ${PHYSICAL} ${MILLION}`,
    }),
    await compare(limit, {
      name: 'unmap, 1 Mi pages of 4 KiB, one by one',
      operations: MILLION,
      target: 2,
      before: () => {
        empty();
        mapRange(FIRST, PHYSICAL, MILLION, 0);
      },
      run: () => {
        for (let page = FIRST; page < FIRST + MILLION; page++) table.release(table.clear(page, page));
      },
      sum: sum(FIRST, MILLION),
      expected: 0,
      command: `unmap-pages ${FIRST} ${PHYSICAL} ${MILLION}`,
    }),
    await compare(limit, {
      name: 'map, one range of 64 GiB in 4 KiB pages',
      operations: RANGE_PAGES,
      target: 1.6,
      before: empty,
      run: () => mapRange(RANGE_FIRST, RANGE_PHYSICAL, RANGE_PAGES, 0),
      sum: sum(RANGE_FIRST, RANGE_PAGES),
      expected: sumOfRun(RANGE_PHYSICAL, RANGE_PAGES),
      command: `map-range ${RANGE_FIRST} ${RANGE_PHYSICAL} ${RANGE_PAGES} 1`,
    }),
  );
  for (const [size, superpages] of [
    ['2 MiB', 1],
    ['1 GiB', 2],
  ]) {
    const sumOnce = sum(RANGE_FIRST, RANGE_PAGES);
    rows.push(
      await compare(limit, {
        name: `map and unmap, 64 GiB in ${size} pages`,
        operations: CYCLES,
        target: 1.6,
        before: empty,
        run: () => {
          for (let cycle = 0; cycle < CYCLES; cycle++) {
            empty();
            mapRange(RANGE_FIRST, RANGE_PHYSICAL, RANGE_PAGES, superpages);
          }
        },
        sum: sumOnce,
        expected: sumOfRun(RANGE_PHYSICAL, RANGE_PAGES),
        command: `cycle-range ${RANGE_FIRST} ${RANGE_PHYSICAL} ${RANGE_PAGES} ${superpages + 1}`,
      }),
    );
  }
  return rows;
}
