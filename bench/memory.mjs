import assert from 'node:assert/strict';
import { PerformanceObserver, constants } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { IoPageTable } from '../dist/kernel/intel/page-table.js';
import { FrameAllocator } from '../dist/memory/frame-allocator.js';
import { HostMemory } from '../dist/memory/host-memory.js';
import { PASID, SOURCE_ID, buildAddressSpace, randomAddresses } from './address-space.mjs';
import { median, printRows, verdict } from './table.mjs';
import { requestPath } from './walk.mjs';

const MILLION = 2 ** 20;
const READ_WRITE = 3;
const NEED_READ = 1;
const LEVELS = 4;
const TABLE_FRAMES = 4096;
const TERABYTE = 2 ** 40;
const SECONDS = 10;
const ROUNDS = 5;
/** A full collection is asked for this often, or a run of ten seconds might see none. */
const COLLECT_EVERY_MS = 1000;

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc');

/** What 1 Mi mappings of 4 KiB take: their tables, and whatever else grew with them. */
export function tableMemory() {
  const memory = new HostMemory(TERABYTE);
  memory.useSlab(0);
  const table = new IoPageTable(memory, new FrameAllocator(0, TABLE_FRAMES), LEVELS, READ_WRITE, 0);
  const report = { written: [0, 0, 0, 0], conflicts: [], pages: 0 };
  const heap = () => (collect(), process.memoryUsage().heapUsed);
  const mapAll = () => {
    for (let page = 0; page < MILLION; page++) table.map(0x1000 + page, page, 1, READ_WRITE, 0, report);
  };
  // Once to have the code compiled, which takes room of its own.
  mapAll();
  table.release(table.clear(0, 2 ** 36 - 1));
  const before = heap();
  mapAll();
  const grown = Math.max(0, heap() - before);
  assert.equal(table.mappedPages, MILLION);
  const tables = (table.tableFrames * 4096) / MILLION;
  const all = tables + grown / MILLION;
  printRows(
    `table-memory: ${MILLION} pages of 4 KiB, mapped one by one`,
    ['what', 'bytes/mapping', 'target'],
    [
      ['tables', tables.toFixed(3), ''],
      ['objects besides', (grown / MILLION).toFixed(3), ''],
      ['together', all.toFixed(3), `<= 8.1 ${verdict(all, 8.1)}`],
    ],
  );
}

/** Pauses of the collector while a million mappings live: translations, maps and unmaps, invalidations. */
export async function gc() {
  const withNone = costOfCollection();
  const space = buildAddressSpace();
  const { translation, caches } = requestPath(space);
  const { halves } = randomAddresses(MILLION, MILLION);
  const work = mixedWork(space, translation, caches, halves);
  const pauses = [];
  const asked = [];
  // What building the tables left behind is not the work's: a collection it began would be counted here.
  collect();
  await setImmediate();
  const observer = new PerformanceObserver((list) => {
    for (const { duration, detail } of list.getEntries()) {
      const isForced = (detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) !== 0;
      (isForced ? asked : pauses).push(duration);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  const costs = [];
  let operations = 0;
  let nextCollection = performance.now() + COLLECT_EVERY_MS;
  for (const end = performance.now() + SECONDS * 1000; performance.now() < end;) {
    operations += work();
    if (performance.now() >= nextCollection) {
      costs.push(costOfCollection());
      nextCollection += COLLECT_EVERY_MS;
    }
    await setImmediate();
  }
  const caused = pauses.length;
  const bytes = await bytesPerTranslation(translation, halves, pauses);
  observer.disconnect();
  const longest = Math.max(0, ...pauses);
  printRows(
    `gc: ${MILLION} live mappings, ${SECONDS} s of mixed work, ${operations} operations`,
    ['what', 'value', 'target'],
    [
      ['collections the work caused', String(caused), ''],
      ['longest pause of them, by the clock', `${longest.toFixed(2)} ms`, `<= 5 ms ${verdict(longest, 5)}`],
      // By the clock, neighbours on the machine count too: the shortest saw the fewest of them.
      [
        'a full collection, asked for: shortest, median, longest',
        `${Math.min(...asked).toFixed(2)}, ${median(asked).toFixed(2)}, ${Math.max(...asked).toFixed(2)} ms`,
        '',
      ],
      ['the same: CPU of all threads', `${median(costs).toFixed(2)} ms`, ''],
      ['the same before anything was mapped', `${withNone.toFixed(2)} ms`, ''],
      ['allocated by a translation', `${bytes.toFixed(3)} bytes`, `0 bytes ${verdict(bytes, 0.01)}`],
    ],
  );
}

/** Milliseconds of CPU. */
function costOfCollection() {
  const before = process.cpuUsage();
  collect();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** One turn: 15 translations to a map, an invalidation, an unmap and another; gives the number of operations. */
function mixedWork({ table, firstPfn }, translation, caches, halves) {
  const report = { written: [0, 0, 0, 0], conflicts: [], pages: 0 };
  const free = firstPfn + MILLION;
  let at = 0;
  return () => {
    for (let turn = 0; turn < 1000; turn++) {
      for (let each = 0; each < 15; each++) {
        at = (at + 2) % halves.length;
        translation.translateFast(SOURCE_ID, PASID, halves[at + 1], halves[at], NEED_READ);
      }
      const page = free + (turn % 512);
      table.map(page, page, 1, READ_WRITE, 0, report);
      caches.iotlb.invalidatePages(7, page, 0, true);
      table.release(table.clear(page, page));
      caches.iotlb.invalidatePages(7, page, 0, false);
    }
    return 19 * 1000;
  };
}

/** Growth of the heap over a million translations, at its least: the compiler allocates too, when it likes. */
async function bytesPerTranslation(translation, halves, pauses) {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    await setImmediate();
    const collections = pauses.length;
    const before = process.memoryUsage().heapUsed;
    for (let at = 0; at < halves.length; at += 2) {
      translation.translateFast(SOURCE_ID, PASID, halves[at + 1], halves[at], NEED_READ);
    }
    const grown = process.memoryUsage().heapUsed - before;
    await setImmediate();
    assert.equal(pauses.length, collections, 'translations alone made the collector run');
    least = Math.min(least, grown);
  }
  return least / (halves.length / 2);
}
