import fc from 'fast-check';
import { IoPageTable, type MapReport } from '../../../src/kernel/intel/page-table.js';
import { FrameAllocator } from '../../../src/memory/frame-allocator.js';
import { HostMemory } from '../../../src/memory/host-memory.js';

/** What the tables hold, told the long way: one entry of a map for each 4 KiB page. */
class Twin {
  readonly frames = new Map<number, number>();

  map(pfn: number, physical: number, pages: number): void {
    for (let at = 0; at < pages; at++) {
      if (!this.frames.has(pfn + at)) this.frames.set(pfn + at, physical + at);
    }
  }

  clear(start: number, last: number): void {
    for (const pfn of [...this.frames.keys()]) if (pfn >= start && pfn <= last) this.frames.delete(pfn);
  }
}

const READ_WRITE = 3;
/** Pages around places where tables and halves of entries end. */
const place = fc.oneof(
  fc.integer({ min: 0, max: 1200 }),
  fc.integer({ min: 512 * 512 - 600, max: 512 * 512 + 600 }),
  fc.integer({ min: 2 ** 27 - 600, max: 2 ** 27 + 600 }),
);
const physical = fc.oneof(
  fc.integer({ min: 0, max: 5000 }),
  fc.integer({ min: 2 ** 20 - 300, max: 2 ** 20 + 300 }),
);
const pages = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 1600 }));
const step = fc.record({ kind: fc.constantFrom('map', 'clear'), pfn: place, physical, pages });

it.each([3, 4, 5])(
  'maps and clears 4 KiB pages as a table of single pages would, with %i levels',
  (levels) => {
    const limit = levels === 3 ? 2 ** 27 : Infinity;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const memory = new HostMemory(2 ** 46);
        const frames = new FrameAllocator(16, 4000);
        const table = new IoPageTable(memory, frames, levels, READ_WRITE, 0);
        const twin = new Twin();
        const touched = new Set<number>();
        for (const { kind, pfn, physical: to, pages: count } of steps) {
          if (pfn + count > limit) continue;
          const report: MapReport = { written: [0, 0, 0, 0], conflicts: [], pages: 0 };
          if (kind === 'map') {
            table.map(pfn, to, count, READ_WRITE, 0, report);
            twin.map(pfn, to, count);
          } else {
            table.release(table.clear(pfn, pfn + count - 1));
            twin.clear(pfn, pfn + count - 1);
          }
          for (const page of [pfn - 1, pfn, pfn + (count >>> 1), pfn + count - 1, pfn + count])
            touched.add(page);
        }
        expect(table.mappedPages).toBe(twin.frames.size);
        expect(table.tableFrames).toBe(frames.used);
        for (const page of touched) {
          if (page >= 0 && page < limit) expect(table.translate(page)).toBe(twin.frames.get(page) ?? -1);
        }
        const found = new Map<number, number>();
        for (const leaf of table.leaves(0, 2 ** 36 - 1)) found.set(leaf.pfn, leaf.physicalPfn);
        expect(found).toEqual(new Map([...twin.frames].sort(([a], [b]) => a - b)));
      }),
      { numRuns: 150 },
    );
  },
);

it('counts and frees tables of large pages', () => {
  const frames = new FrameAllocator(16, 4000);
  const table = new IoPageTable(new HostMemory(2 ** 46), frames, 4, READ_WRITE, 0);
  const report: MapReport = { written: [0, 0, 0, 0], conflicts: [], pages: 0 };
  table.map(512, 1024, 512 * 600, READ_WRITE, 1, report);
  expect(report.written).toEqual([0, 0, 600, 0]);
  expect(table.mappedPages).toBe(512 * 600);
  // 600 entries from the second one on need two tables, under one of level 3 and the root.
  expect(frames.used).toBe(4);
  expect(() => table.clear(600, 600)).toThrow(RangeError);
  table.release(table.clear(0, 2 ** 36 - 1));
  expect([table.mappedPages, frames.used]).toEqual([0, 1]);
});

it('puts large pages in the place of small ones and frees the table below', () => {
  const frames = new FrameAllocator(16, 4000);
  const table = new IoPageTable(new HostMemory(2 ** 46), frames, 4, READ_WRITE, 0);
  const report: MapReport = { written: [0, 0, 0, 0], conflicts: [], pages: 0 };
  table.map(512, 4096, 1, READ_WRITE, 0, report);
  expect(frames.used).toBe(4);
  table.map(512, 1024, 512, READ_WRITE, 1, report);
  expect([report.written, report.conflicts]).toEqual([[0, 1, 1, 0], []]);
  expect([frames.used, table.mappedPages]).toEqual([3, 512]);
  expect(table.translate(513)).toBe(1025);
});
