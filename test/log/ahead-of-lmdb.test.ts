import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
} from 'node:fs';
import { constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbLog } from '../../src/log/lmdb-log.js';
import type { CommandLog } from '../../src/log/port.js';
import { valuesOf } from '../support/log/appending.js';
import { faultyWrites } from '../support/log/faulty-writes.js';

jest.setTimeout(120_000);

const root = mkdtempSync(join(tmpdir(), 'iommu-graph-ahead-of-'));
afterAll(() => rmSync(root, { recursive: true }));

let directories = 0;
let directory: string;
let log: CommandLog;
beforeEach(async () => {
  directory = join(root, String(++directories));
  log = await openLmdbLog(directory);
  await log.create('demo', null);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await log.close();
});

/** What a kill would leave now: no commit is under way. */
async function afterKill(): Promise<unknown[]> {
  const copy = join(root, `copy ${++directories}`);
  mkdirSync(copy);
  for (const name of ['log.mdb', 'ahead.log']) copyFileSync(join(directory, name), join(copy, name));
  const again = await openLmdbLog(copy);
  const values = await valuesOf(again, 'demo');
  await again.close();
  rmSync(copy, { recursive: true });
  return values;
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

test.each([
  ['nothing of it was looked for', () => Promise.resolve()],
  ['all of it was', async () => void (await valuesOf(log, 'demo'))],
  [
    'a snapshot needed it',
    async (revision: number) => {
      async function* pieces() {
        yield new Uint8Array([revision]);
      }
      await log.saveSnapshot('demo', revision, 'each', pieces());
    },
  ],
])(
  'what was acknowledged is there after a kill, wherever the file begins anew, when %s',
  async (_what, look) => {
    const entry = (revision: number) => ({ revision, payload: new Uint8Array(400_000).fill(revision) });
    for (const revision of numbers(18)) {
      await log.append('demo', revision, entry(revision));
      if (revision % 2 === 0) await look(revision);
      const values = (await afterKill()) as ReturnType<typeof entry>[];
      expect(values.map((value) => value.revision)).toEqual(numbers(revision));
      expect(Buffer.compare(values.at(-1)!.payload, entry(revision).payload)).toBe(0);
    }
    // 7 MB went through it.
    const { size } = statSync(join(directory, 'ahead.log'));
    expect(size).toBeLessThan(5 * 1024 * 1024);
  },
);

test('an entry larger than the memory kept for commits is stored like any other', async () => {
  const sizes = [10, 9_000_000, 20, 3_000_000, 30];
  for (const [index, size] of sizes.entries()) {
    await log.append('demo', index + 1, new Uint8Array(size).fill(index));
    const values = (await afterKill()) as Uint8Array[];
    expect(values.map((value) => value.byteLength)).toEqual(sizes.slice(0, index + 1));
  }
});

test('a commit under way is not read, and is no part of what is handed to the database', async () => {
  await log.append('demo', 1, 'durable');
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  let failing: Promise<void> | null = null;
  const faults = await new Promise<ReturnType<typeof faultyWrites>>((begun) => {
    const faults = faultyWrites((call) => {
      if (call > 1) return 'well';
      begun(faults);
      return held.then(() => 'nothing' as const);
    });
    failing = log.append('demo', 2, 'never');
  });
  expect(await valuesOf(log, 'demo')).toEqual(['durable']);
  release();
  await expect(failing).rejects.toMatchObject({ refusal: 'FAILED' });
  faults.restore();
  expect(await valuesOf(log, 'demo')).toEqual(['durable']);
  await log.append('demo', 2, 'another');
  expect(await afterKill()).toEqual(['durable', 'another']);
  expect(await valuesOf(log, 'demo')).toEqual(['durable', 'another']);
});

test('a commit that fails is refused with all that was accepted behind it, and the revision is free again', async () => {
  const faults = faultyWrites((call) => (call === 1 ? 'all' : 'well'));
  const outcomes = await Promise.allSettled([log.append('demo', 1, 'a'), log.append('demo', 2, 'b')]);
  faults.restore();
  const message = 'The command log could not be written: EIO: i/o error, write.';
  for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { refusal: 'FAILED', message } });
  expect(await afterKill()).toEqual([]);
  await log.append('demo', 1, 'c');
  expect(await afterKill()).toEqual(['c']);
});

test('a commit that fails and cannot be taken back is LOST, once and for all', async () => {
  const told: string[] = [];
  const other = await openLmdbLog(join(root, 'lost'), { lost: ({ message }) => told.push(message) });
  await other.create('demo', null);
  const faults = faultyWrites(() => 'all');
  await expect(other.append('demo', 1, 'a')).rejects.toMatchObject({ refusal: 'LOST' });
  faults.restore();
  await expect(other.append('demo', 1, 'b')).rejects.toMatchObject({ refusal: 'LOST' });
  expect(told).toEqual(['What the command log holds is known only after a restart: EIO: i/o error, write.']);
  await other.close();
});

/** Flags of the file that commits are written to. */
function flagsOf(path: string): number {
  const [file] = readdirSync('/proc/self/fd').filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`) === path;
    } catch {
      return false;
    }
  });
  return Number.parseInt(/flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${file}`, 'utf8'))![1]!, 8);
}

test('each write of a commit waits for the disk, unless sync is relaxed', async () => {
  const relaxed = await openLmdbLog(join(root, 'relaxed'), { sync: 'relaxed' });
  expect(flagsOf(join(directory, 'ahead.log')) & constants.O_DSYNC).toBe(constants.O_DSYNC);
  // Nor does it bypass the cache, which would be a wait as well.
  const { O_DSYNC, O_DIRECT } = constants;
  expect(flagsOf(join(root, 'relaxed', 'ahead.log')) & (O_DSYNC | O_DIRECT)).toBe(0);
  await relaxed.close();
});
