import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Damage } from '../../src/log/lmdb/damage.js';
import type { PackedWrite } from '../../src/log/lmdb/packed.js';
import { WriteAhead } from '../../src/log/lmdb/write-ahead.js';
import { openLmdbLog } from '../../src/log/lmdb-log.js';
import { valuesOf } from '../support/log/appending.js';

const SECTOR = 512;
const HEAD = 16;

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'iommu-graph-ahead-'));
  path = join(directory, 'ahead');
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A commit of its own kind for each number. */
const commit = (number: number, bytes = 700): PackedWrite[] => [
  { kind: 'append', stream: 1, first: number, value: new Uint8Array(bytes).fill(number) },
];

function written(stored: number, from: number, to: number, clearAt: number | null = null): Buffer {
  rmSync(path, { force: true });
  const ahead = new WriteAhead(path, stored, false);
  for (let number = from; number <= to; number++) {
    ahead.append(number, commit(number));
    if (number === clearAt) ahead.clear();
  }
  ahead.close();
  // Zeros follow.
  return readFileSync(path).subarray(0, 8192);
}

/** The numbers of the commits a start finds beyond those in the database. */
function foundIn(bytes: Buffer, stored: number): number[] {
  writeFileSync(path, bytes);
  const ahead = new WriteAhead(path, stored, false);
  ahead.close();
  return ahead.found.map((writes) => {
    const [write] = writes;
    if (write?.kind !== 'append') throw new Error('another write');
    expect(Buffer.compare(write.value, new Uint8Array(700).fill(write.first))).toBe(0);
    return write.first;
  });
}

test('what was written ahead is found by the next start, but for what the database has by then', () => {
  const bytes = written(10, 11, 15);
  expect(foundIn(bytes, 10)).toEqual([11, 12, 13, 14, 15]);
  expect(foundIn(bytes, 13)).toEqual([14, 15]);
  expect(foundIn(bytes, 15)).toEqual([]);
});

describe.each([
  ['on zeros', () => [written(0, 1, 4), written(0, 1, 5), 0] as const],
  // The fifth is the first of a file that begins anew, over the first four.
  ['on older commits', () => [written(0, 1, 4, 4), written(0, 1, 5, 4), 4] as const],
])('a power cut while a commit is written %s', (_what, files) => {
  test('leaves the commits before it, or it too, wherever it was cut', () => {
    const [before, after, stored] = files();
    const changed = [...after.keys()].filter((at) => after[at] !== before[at]);
    const [first, last] = [changed[0]!, changed.at(-1)!];
    for (let cut = first; cut <= last + 1; cut++) {
      const torn = Buffer.concat([after.subarray(0, cut), before.subarray(cut)]);
      const whole = torn.equals(after);
      expect([cut, foundIn(torn, stored).at(-1) ?? 4]).toEqual([cut, whole ? 5 : 4]);
    }
  });

  test('leaves the commits before it, or it too, whichever sectors are lost', () => {
    const [before, after, stored] = files();
    const sectors = [
      ...new Set(
        [...after.keys()].filter((at) => after[at] !== before[at]).map((at) => Math.floor(at / SECTOR)),
      ),
    ];
    for (let some = 0; some < 2 ** sectors.length; some++) {
      const torn = Buffer.from(before);
      sectors.forEach((sector, index) => {
        if ((some >> index) & 1) after.copy(torn, sector * SECTOR, sector * SECTOR, (sector + 1) * SECTOR);
      });
      expect([some, foundIn(torn, stored).at(-1) ?? 4]).toEqual([some, torn.equals(after) ? 5 : 4]);
    }
  });
});

test('a commit that is followed by another and is not what was written is told, whichever byte of it changed', () => {
  const bytes = written(0, 1, 3);
  const size = HEAD + bytes.readUInt32LE(0);
  for (let at = size; at < 2 * size; at++) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1 << (at % 8);
    expect(() => foundIn(changed, 0)).toThrow(new Damage('commit 2 is not what was written'));
  }
});

test('commits that are older than the database are passed over, and what follows is found', async () => {
  const file = join(directory, 'ahead.log');
  const append = async (from: number, to: number) => {
    const log = await openLmdbLog(directory);
    if (from === 1) await log.create('demo', null);
    for (let revision = from; revision <= to; revision++) await log.append('demo', revision, revision);
    return log;
  };
  await (await append(1, 5)).close();
  const older = readFileSync(file);
  await (await append(6, 10)).close();
  writeFileSync(file, older);
  const log = await append(11, 11);
  const [database, ahead] = [readFileSync(join(directory, 'log.mdb')), readFileSync(file)];
  await log.close();
  // As a kill would have left it.
  writeFileSync(join(directory, 'log.mdb'), database);
  writeFileSync(file, ahead);
  const again = await openLmdbLog(directory);
  expect(await valuesOf(again, 'demo')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  await again.close();
});

test('commits that do not go on where the database ends are told', () => {
  expect(() => foundIn(written(20, 21, 23), 10)).toThrow(new Damage('commit 11 is missing'));
});

test('a directory whose commits are damaged is refused with one sentence, and has them again when they are whole', async () => {
  const log = await openLmdbLog(directory);
  await log.create('demo', null);
  for (let revision = 1; revision <= 20; revision++) await log.append('demo', revision, revision);
  const file = join(directory, 'ahead.log');
  const database = readFileSync(join(directory, 'log.mdb'));
  const bytes = readFileSync(file);
  await log.close();
  // As a kill would have left it.
  writeFileSync(join(directory, 'log.mdb'), database);
  const changed = Buffer.from(bytes);
  changed[40]! ^= 1;
  writeFileSync(file, changed);
  await expect(openLmdbLog(directory)).rejects.toMatchObject({
    refusal: 'UNUSABLE',
    message: `The command log in ${directory} is damaged (commit 1 is not what was written); nothing of it was changed.`,
  });
  writeFileSync(file, bytes);
  const again = await openLmdbLog(directory);
  expect(await valuesOf(again, 'demo')).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  await again.close();
});
