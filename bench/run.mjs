import { existsSync } from 'node:fs';
import { startLimit } from './limit.mjs';
import { printTable } from './measure.mjs';

/**
 * Runs the benchmarks named on the command line, or all of them, on the built code in dist/.
 * Needs no network; without a C compiler only our own times are printed.
 */
const BENCHMARKS = {
  walk: async () => (await import('./walk.mjs')).walk,
  'page-table': async () => (await import('./page-table.mjs')).pageTable,
};

if (!existsSync(new URL('../dist/kernel', import.meta.url))) {
  console.error('dist/ is not there: run `npm run build` first');
  process.exit(1);
}
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in BENCHMARKS));
if (unknown.length > 0) {
  console.error(`no benchmark "${unknown.join('", "')}"; there are: ${Object.keys(BENCHMARKS).join(', ')}`);
  process.exit(1);
}

const limit = startLimit();
const rows = [];
try {
  for (const name of wanted.length > 0 ? wanted : Object.keys(BENCHMARKS)) {
    rows.push(...(await (await BENCHMARKS[name]())(limit)));
  }
} finally {
  limit?.close();
}
printTable(rows);
