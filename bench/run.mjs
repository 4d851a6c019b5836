import { existsSync } from 'node:fs';
import { startLimit } from './limit.mjs';
import { FANOUT, fanout } from './fanout.mjs';
import { printTable } from './measure.mjs';

/**
 * Runs the benchmarks named on the command line, or all of them, on the built code in dist/.
 * Needs no network; without a C compiler the core is shown with its own times only.
 */
const CORE = {
  walk: async () => (await import('./walk.mjs')).walk,
  map: async () => (await import('./page-table.mjs')).pageTable,
};
const OTHER = {
  'table-memory': async () => (await import('./memory.mjs')).tableMemory(),
  gc: async () => (await import('./memory.mjs')).gc(),
  'log-1': async () => (await import('./log.mjs')).log(1),
  'log-100': async () => (await import('./log.mjs')).log(100),
  'log-1000': async () => (await import('./log.mjs')).log(1000),
  replay: async () => (await import('./replay.mjs')).replay(100_000),
  restart: async () => (await import('./replay.mjs')).replay(1_000_000),
  'long-commands': async () => (await import('./long-commands.mjs')).longCommands(),
  'http-q2': async () => (await import('./http-q2.mjs')).httpQ2(),
  ...Object.fromEntries(Object.keys(FANOUT).map((name) => [name, () => fanout(name)])),
  'fanout-memory': async () => (await import('./fanout-memory.mjs')).fanoutMemory(),
};

if (!existsSync(new URL('../dist/kernel', import.meta.url))) {
  console.error('dist/ is not there: run `npm run build` first');
  process.exit(1);
}
const names = [...Object.keys(CORE), ...Object.keys(OTHER)];
const given = process.argv.slice(2);
const unknown = given.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`no benchmark "${unknown.join('", "')}"; there are: ${names.join(', ')}`);
  process.exit(1);
}
const wanted = given.length > 0 ? given : names;

const core = wanted.filter((name) => name in CORE);
if (core.length > 0) {
  const limit = startLimit();
  const rows = [];
  try {
    for (const name of core) rows.push(...(await (await CORE[name]())(limit)));
  } finally {
    limit?.close();
  }
  printTable(rows);
}
for (const name of wanted.filter((one) => one in OTHER)) await OTHER[name]();
