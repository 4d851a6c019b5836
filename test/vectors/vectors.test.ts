import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Vector } from '../support/vectors/format.js';
import { runVector } from '../support/vectors/run-vector.js';

const FILES = readdirSync(__dirname).filter((name) => name.endsWith('.json'));
const vectorsOf = (file: string) => JSON.parse(readFileSync(join(__dirname, file), 'utf8')) as Vector[];

/** Scenarios of the DMAR table, which is firmware and not the unit's, have tests of their own. */
const SCENARIOS_OF_A_UNIT = Array.from({ length: 96 }, (_, index) => index + 1);

describe.each(FILES)('%s', (file) => {
  test.each(vectorsOf(file).map((vector) => [vector.id, vector.title, vector] as const))(
    '%s: %s',
    (_id, _title, vector) => {
      let checked = 0;
      runVector(vector, (step, found, expected) => {
        checked++;
        expect({ step, found }).toEqual({ step, found: expected });
      });
      expect(checked).toBeGreaterThan(0);
    },
  );
});

test('every scenario of a unit has a vector, and every vector its own name', () => {
  const ids = FILES.flatMap((file) => vectorsOf(file).map(({ id }) => id));
  const numbers = new Set(ids.map((id) => Number(/^S(\d+)/.exec(id)?.[1])));
  expect(SCENARIOS_OF_A_UNIT.filter((number) => !numbers.has(number))).toEqual([]);
  expect(new Set(ids).size).toBe(ids.length);
});

test('the files are what the generator writes', () => {
  execFileSync('node', [join(__dirname, 'generate.mjs'), '--check']);
});
