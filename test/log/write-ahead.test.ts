import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { AHEAD, findAhead } from '../../src/log/lmdb/ahead-found.js';
import { Damage } from '../../src/log/lmdb/damage.js';
import { WriteAhead } from '../../src/log/lmdb/write-ahead.js';
import { openLmdbLog } from '../../src/log/lmdb-log.js';
import type { Write } from '../../src/log/store.js';
import { valuesOf } from '../support/log/appending.js';
import { faultyWrites } from '../support/log/faulty-writes.js';

const SECTOR = 512;
const HEAD = 16;

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'iommu-graph-ahead-'));
  path = join(directory, 'ahead');
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Whether files here can be written past the cache. */
function canBypass(): boolean {
  const file = join(mkdtempSync(join(tmpdir(), 'iommu-graph-bypass-')), 'file');
  try {
    closeSync(openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_DIRECT));
    return true;
  } catch {
    return false;
  } finally {
    rmSync(dirname(file), { recursive: true });
  }
}

/** A commit of its own kind for each number. */
const commit = (number: number): Write[] => [
  { kind: 'append', stream: 1, revision: number, entry: new Uint8Array(700).fill(number) },
];

function openAhead(stored: number): WriteAhead {
  findAhead(path, stored, AHEAD);
  return new WriteAhead(path, stored, false);
}

async function written(from: number, to: number, clearAt: number | null = null): Promise<Buffer> {
  rmSync(path, { force: true });
  const ahead = openAhead(from - 1);
  for (let number = from; number <= to; number++) {
    await ahead.append(commit(number));
    if (number === clearAt) ahead.clear();
  }
  ahead.close();
  // Zeros follow.
  return readFileSync(path).subarray(0, 8192);
}

/** The numbers of the commits a start finds beyond those in the database. */
function foundIn(bytes: Buffer, stored: number): number[] {
  writeFileSync(path, bytes);
  return found(stored);
}

function found(stored: number): number[] {
  return findAhead(path, stored, AHEAD).writes.map((write) => {
    if (write.kind !== 'append') throw new Error('another write');
    const { source, at, end, first } = write;
    // Behind its length, the only one.
    expect(Buffer.compare(source.subarray(at + 4, end), new Uint8Array(700).fill(first))).toBe(0);
    return first;
  });
}

test('what was written ahead is found by the next start, but for what the database has by then', async () => {
  const bytes = await written(11, 15);
  expect(foundIn(bytes, 10)).toEqual([11, 12, 13, 14, 15]);
  expect(foundIn(bytes, 13)).toEqual([14, 15]);
  expect(foundIn(bytes, 15)).toEqual([]);
});

describe.each([
  ['on zeros', async () => [await written(1, 4), await written(1, 5), 0] as const],
  // The fifth is the first of a file that begins anew, over the first four.
  ['on older commits', async () => [await written(1, 4, 4), await written(1, 5, 4), 4] as const],
])('a power cut while a commit is written %s', (_what, files) => {
  test('leaves the commits before it, or it too, wherever it was cut', async () => {
    const [before, after, stored] = await files();
    const changed = [...after.keys()].filter((at) => after[at] !== before[at]);
    const [first, last] = [changed[0]!, changed.at(-1)!];
    for (let cut = first; cut <= last + 1; cut++) {
      const torn = Buffer.concat([after.subarray(0, cut), before.subarray(cut)]);
      const whole = torn.equals(after);
      expect([cut, foundIn(torn, stored).at(-1) ?? 4]).toEqual([cut, whole ? 5 : 4]);
    }
  });

  test('leaves the commits before it, or it too, whichever sectors are lost', async () => {
    const [before, after, stored] = await files();
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

test('a commit that is followed by another and is not what was written is told, whichever byte of it changed', async () => {
  const bytes = await written(1, 3);
  const size = HEAD + bytes.readUInt32LE(4);
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

test('commits that do not go on where the database ends are told', async () => {
  const bytes = await written(21, 23);
  expect(() => foundIn(bytes, 10)).toThrow(new Damage('commit 11 is missing'));
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

describe('a write that fails', () => {
  const COMMITS = 4;

  /** Appends commits, each once more when it fails; gives what became of every attempt. */
  async function appendAll(): Promise<string[]> {
    const ahead = openAhead(0);
    const outcomes: string[] = [];
    for (let number = 1, attempts = 0; number <= COMMITS && attempts < 2 * COMMITS; attempts++) {
      try {
        await ahead.append(commit(number));
        outcomes.push(`stored ${number++}`);
      } catch (cause) {
        outcomes.push((cause as Error).message);
        if ('refusal' in (cause as object)) break;
      }
    }
    ahead.close();
    return outcomes;
  }

  const stored = Array.from({ length: COMMITS }, (_, index) => `stored ${index + 1}`);
  /** The file is made larger once, and each commit is one write. */
  const GROWING = 17;
  const CALLS = GROWING + COMMITS;

  test.each(['nothing', 'half', 'all'] as const)(
    'with %s of it on the disk is refused and leaves nothing, whichever write it is',
    async (part) => {
      for (let failing = 1; failing <= CALLS; failing++) {
        rmSync(path, { force: true });
        const faults = faultyWrites((call) => (call === failing ? part : 'well'));
        const outcomes = await appendAll();
        faults.restore();
        // Where the file cannot grow by a whole step, there is room for the commit all the same.
        const isRefused = failing === 1 ? part === 'nothing' : failing > GROWING;
        expect([failing, outcomes.filter((outcome) => !outcome.startsWith('stored'))]).toEqual([
          failing,
          isRefused ? ['EIO: i/o error, write'] : [],
        ]);
        expect([failing, outcomes.filter((outcome) => outcome.startsWith('stored'))]).toEqual([
          failing,
          stored,
        ]);
        expect([failing, found(0)]).toEqual([failing, [1, 2, 3, 4]]);
      }
    },
  );

  test('and is the last leaves the commits before it, however much of it is on the disk', async () => {
    for (const part of ['nothing', 'half', 'all'] as const) {
      rmSync(path, { force: true });
      const ahead = openAhead(0);
      await ahead.append(commit(1));
      const faults = faultyWrites((call) => (call === 1 ? part : 'well'));
      await expect(ahead.append(commit(2))).rejects.toMatchObject({ code: 'EIO' });
      faults.restore();
      ahead.close();
      expect([part, found(0)]).toEqual([part, [1]]);
    }
  });

  test('and cannot be taken back is LOST', async () => {
    const ahead = openAhead(0);
    await ahead.append(commit(1));
    const faults = faultyWrites(() => 'nothing');
    await expect(ahead.append(commit(2))).rejects.toMatchObject({
      refusal: 'LOST',
      message: 'What the command log holds is known only after a restart: EIO: i/o error, write.',
    });
    faults.restore();
    ahead.close();
  });

  (canBypass() ? test : test.skip)(
    'because the file cannot be written past the cache is written through it, and so are the next',
    async () => {
      let calls = 0;
      const faults = faultyWrites((call) => {
        calls = call;
        // That of the first commit.
        return call === GROWING + 1 ? 'refused' : 'well';
      });
      expect(await appendAll()).toEqual(stored);
      faults.restore();
      expect([calls, found(0)]).toEqual([CALLS + 1, [1, 2, 3, 4]]);
    },
  );

  test('or writes less than it was asked to is gone on with', async () => {
    const faults = faultyWrites(() => 'short');
    expect(await appendAll()).toEqual(stored);
    faults.restore();
    expect(found(0)).toEqual([1, 2, 3, 4]);
  });
});
