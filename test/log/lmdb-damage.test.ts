import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { encode } from '../../src/log/codec.js';
import { examine } from '../../src/log/lmdb/format.js';
import { LogError } from '../../src/log/log-error.js';
import { openLmdbLog } from '../../src/log/lmdb-log.js';
import { valuesOf } from '../support/log/appending.js';

const FLIPS = Number(process.env['DAMAGE_ROUNDS'] ?? 30);
jest.setTimeout(60_000 + FLIPS * 2000);
const root = mkdtempSync(join(tmpdir(), 'iommu-graph-damage-'));
const original = join(root, 'original');
afterAll(() => rmSync(root, { recursive: true }));

const entriesOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    index,
    payload: new Uint8Array((index * 37) % 900).fill(index),
  }));

beforeAll(async () => {
  mkdirSync(original);
  const log = await openLmdbLog(original);
  await log.create('gone', null);
  await Promise.all(entriesOf(700).map((entry, index) => log.append('gone', index + 1, entry)));
  await log.create('demo', { seed: 1 });
  // Values of one entry and of many, small ones in pages and large ones on pages of their own.
  for (const [index, entry] of entriesOf(150).entries()) {
    await log.append('demo', index + 1, entry);
    // What is looked for is put into the database first: each is a value of its own.
    for await (const _entry of log.read('demo', index + 1)) continue;
  }
  await Promise.all(
    entriesOf(900)
      .slice(150)
      .map((entry, index) => log.append('demo', index + 151, entry)),
  );
  await log.drop('gone');
  await log.close();
});

let directory: string;
let rounds = 0;
let file: string;
beforeEach(() => fresh());

function fresh(): void {
  directory = join(root, String(++rounds));
  mkdirSync(directory);
  file = join(directory, 'log.mdb');
  copyFileSync(join(original, 'log.mdb'), file);
}

/** A million comparisons of bytes are quicker as one. */
const digest = (values: readonly unknown[]) => createHash('sha256').update(encode(values)).digest('hex');

/** Opens and reads everything: what it held, or the refusal. A crash would end this test's process. */
async function outcome(): Promise<'whole' | string> {
  try {
    // What the thread does first; the thread itself is only needed for what passes.
    examine(file, directory);
    const log = await openLmdbLog(directory);
    try {
      expect(await log.streams()).toEqual([{ name: 'demo', header: { seed: 1 }, lastRevision: 900 }]);
      expect(digest(await valuesOf(log, 'demo'))).toBe(digest(entriesOf(900)));
      await log.append('demo', 901, 'and on');
      return 'whole';
    } finally {
      await log.close();
    }
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    expect(error.refusal).toBe('UNUSABLE');
    return error.message;
  }
}

const refused = (reason: string | RegExp): unknown =>
  expect.stringMatching(
    new RegExp(
      `^The command log in ${directory} is damaged \\(${typeof reason === 'string' ? reason : reason.source}\\)`,
    ),
  );

/** A pseudo-random number below a bound: the same bytes are hit at every run. */
function lottery(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

/** Bytes up to the end of the last page that LMDB uses. */
function usedBytes(bytes: Buffer): number {
  const newest = bytes.readUInt32LE(152) >= bytes.readUInt32LE(4096 + 152) ? 0 : 4096;
  return (bytes.readUInt32LE(newest + 144) + 1) * 4096;
}

test('the file this is about opens whole', async () => {
  expect(await outcome()).toBe('whole');
});

test('bytes changed anywhere are told, or change nothing', async () => {
  const draw = lottery(5);
  const bytes = readFileSync(file);
  const used = usedBytes(bytes);
  const told = { whole: 0, refused: 0 };
  for (let round = 0; round < FLIPS; round++) {
    if (round > 0) fresh();
    const changed = Buffer.from(bytes);
    // In turn: any byte, a byte of a page's header or its list of places, a byte of the first two pages.
    const at = [draw(used), draw(used / 4096) * 4096 + draw(64), draw(2) * 4096 + 24 + draw(144)][round % 3]!;
    changed[at]! ^= 1 + draw(255);
    writeFileSync(file, changed);
    told[(await outcome()) === 'whole' ? 'whole' : 'refused']++;
    rmSync(directory, { recursive: true });
  }
  expect(told.whole + told.refused).toBe(FLIPS);
  expect(told.refused).toBeGreaterThan(FLIPS / 3);
});

test('a whole page of noise, or of another page, is told or was free', async () => {
  const draw = lottery(11);
  const bytes = readFileSync(file);
  const pages = usedBytes(bytes) / 4096;
  const outcomes = new Set<string>();
  for (let round = 0; round < FLIPS / 3; round++) {
    if (round > 0) fresh();
    const changed = Buffer.from(bytes);
    const page = 2 + draw(pages - 2);
    if (round % 2 === 0) changed.copyWithin(page * 4096, draw(pages) * 4096, (draw(pages - 1) + 1) * 4096);
    else for (let at = 0; at < 4096; at++) changed[page * 4096 + at] = draw(256);
    writeFileSync(file, changed.subarray(0, bytes.length));
    outcomes.add((await outcome()) === 'whole' ? 'whole' : 'refused');
    rmSync(directory, { recursive: true });
  }
  expect([...outcomes].sort()).toEqual(['refused', 'whole']);
});

test.each([0.3, 0.6, 0.9, 0.95])('a file cut at %d of its pages is told', async (part) => {
  const used = usedBytes(readFileSync(file));
  truncateSync(file, Math.floor(used * part));
  expect(await outcome()).toEqual(refused(/.*/));
});

test('a file cut within its first pages is told', async () => {
  truncateSync(file, 5000);
  expect(await outcome()).toEqual(refused(/.*/));
});

test('a stream without its middle is told', async () => {
  const raw = open({ path: file, overlappingSync: false });
  const records = raw.openDB<Buffer, Buffer>('records', { encoding: 'binary', keyEncoding: 'binary' });
  expect(records.removeSync(Buffer.from('000000020000000000000042', 'hex'))).toBe(true);
  await raw.close();
  expect(await outcome()).toEqual(refused('stream 2 has no revision 66'));
});

test('a value that stands in the place of another is told', async () => {
  const raw = open({ path: file, overlappingSync: false });
  const records = raw.openDB<Buffer, Buffer>('records', { encoding: 'binary', keyEncoding: 'binary' });
  const [one, other] = ['000000020000000000000010', '000000020000000000000011'].map((key) =>
    Buffer.from(key, 'hex'),
  );
  const value = Buffer.from(records.get(one!)!);
  records.putSync(other!, value);
  await raw.close();
  expect(await outcome()).toEqual(refused('a value is not what was written'));
});

test('a database that another program put beside ours is told', async () => {
  const raw = open({ path: file, overlappingSync: false });
  raw.openDB('theirs', {}).putSync('a', 1);
  await raw.close();
  expect(await outcome()).toEqual(refused('it has a database "theirs"'));
});

test('an older copy of one of the first two pages does not bring back the past', async () => {
  const bytes = readFileSync(file);
  const newest = bytes.readUInt32LE(152) >= bytes.readUInt32LE(4096 + 152) ? 0 : 4096;
  bytes.writeUInt32LE(bytes.readUInt32LE(newest + 152) - 2, newest + 152);
  writeFileSync(file, bytes);
  expect(await outcome()).not.toBe('whole');
});

test('a damaged lock is told, and what is beside the files of LMDB does not matter', async () => {
  await (await openLmdbLog(directory)).close();
  writeFileSync(`${file}-lock`, 'nonsense');
  writeFileSync(join(directory, 'owner.mdb-lock'), Buffer.alloc(9000, 7));
  await (await openLmdbLog(directory)).close();
  const lock = join(directory, 'owner.mdb');
  const bytes = readFileSync(lock);
  bytes[40]! ^= 0x80;
  writeFileSync(lock, bytes);
  await expect(openLmdbLog(directory)).rejects.toMatchObject({
    refusal: 'UNUSABLE',
    message: `The lock ${lock} is damaged (page 0 does not describe a database); it holds nothing and can be removed while no server runs.`,
  });
});
