/**
 * Writes the vector files of this directory from `scenarios/`; with `--check` it only says which differ.
 *
 *     node test/vectors/generate.mjs [--check]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { FAULTS } from './scenarios/faults.mjs';
import { INVALIDATION } from './scenarios/invalidation.mjs';
import { PAGE_REQUESTS } from './scenarios/page-requests.mjs';
import { LEGACY, SCALABLE } from './scenarios/translation.mjs';

const FILES = {
  'legacy-translation.json': LEGACY,
  'scalable-translation.json': SCALABLE,
  'fault-recording.json': FAULTS,
  'invalidation.json': INVALIDATION,
  'page-requests.json': PAGE_REQUESTS,
};

/** One line for each piece of memory and each step, so that a change shows as the lines it changes. */
function print(vectors) {
  const lines = (list) =>
    list.length === 0
      ? '[]'
      : `[\n      ${list.map((each) => JSON.stringify(each)).join(',\n      ')}\n    ]`;
  const printed = vectors.map(
    ({ id, title, unit, memory, steps }) =>
      `  {\n    "id": ${JSON.stringify(id)},\n    "title": ${JSON.stringify(title)},\n` +
      `    "unit": ${JSON.stringify(unit)},\n    "memory": ${lines(memory)},\n    "steps": ${lines(steps)}\n  }`,
  );
  return `[\n${printed.join(',\n')}\n]\n`;
}

const isCheck = process.argv.includes('--check');
for (const [name, vectors] of Object.entries(FILES)) {
  const file = new URL(name, import.meta.url);
  const text = print(vectors);
  if (!isCheck) {
    writeFileSync(file, text);
    console.log(`${name}: ${vectors.length} vectors`);
  } else if (readFileSync(file, 'utf8') !== text) {
    console.error(`${name} is not what generate.mjs writes`);
    process.exitCode = 1;
  }
}
