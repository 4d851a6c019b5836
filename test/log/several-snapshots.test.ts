import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { open } from 'lmdb';
import { openLmdbLog } from '../../src/log/lmdb-log.js';
import { openMemoryLog } from '../../src/log/memory-log.js';
import type { CommandLog } from '../../src/log/port.js';

jest.setTimeout(60_000);

const directories: string[] = [];
function freshDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'iommu-graph-several-snapshots-'));
  directories.push(directory);
  return directory;
}
afterAll(() => directories.forEach((directory) => rmSync(directory, { recursive: true })));

const ENTRIES = 20;

async function filled(log: CommandLog): Promise<CommandLog> {
  await log.create('demo', null);
  const all = Array.from({ length: ENTRIES }, (_, index) => log.append('demo', index + 1, index));
  await Promise.all(all);
  return log;
}

/** More than one part. */
async function* pieces(byte: number) {
  for (let index = 0; index < 3; index++) yield new Uint8Array(600_000).fill(byte);
}

async function bytesOf(log: CommandLog, revision: number): Promise<number[]> {
  const found: number[] = [];
  const snapshot = await log.snapshot('demo', revision);
  for await (const piece of snapshot!.pieces) found.push(...new Set(piece));
  return found;
}

const saves = fc.array(fc.record({ revision: fc.integer({ min: 0, max: ENTRIES }), drawn: fc.nat(255) }), {
  minLength: 1,
  maxLength: 8,
});

test.each([
  ['memory', () => openMemoryLog()],
  ['lmdb', () => openLmdbLog(freshDirectory())],
])(
  'the log in %s keeps the snapshots that were to stay beside the newest, and no others',
  async (_kind, opened) => {
    await fc.assert(
      fc.asyncProperty(saves, async (list) => {
        const log = await filled(await opened());
        let kept: { revision: number; byte: number }[] = [];
        for (const [byte, { revision, drawn }] of list.entries()) {
          kept = kept.filter((each, index) => each.revision !== revision && (drawn >> index) % 2 === 1);
          const beside = kept.map((each) => each.revision);
          await log.saveSnapshot('demo', revision, 'label', pieces(byte), beside);
          kept = [...kept, { revision, byte }].sort((a, b) => a.revision - b.revision);
          expect(await log.snapshots('demo')).toEqual(kept.map((each) => each.revision));
          expect((await log.snapshot('demo'))?.revision).toBe(kept.at(-1)!.revision);
          for (const each of kept)
            expect(await bytesOf(log, each.revision)).toEqual([each.byte, each.byte, each.byte]);
        }
        await log.close();
      }),
      { numRuns: 10 },
    );
  },
);

test('what stays is there after a start, and nothing else', async () => {
  const directory = freshDirectory();
  const first = await filled(await openLmdbLog(directory));
  for (const [revision, beside] of [
    [5, []],
    [10, [5]],
    [15, [5, 10]],
    [20, [5, 15]],
  ] as const)
    await first.saveSnapshot('demo', revision, 'label', pieces(revision), beside);
  await first.close();

  const again = await openLmdbLog(directory);
  expect(await again.snapshots('demo')).toEqual([5, 15, 20]);
  for (const revision of [5, 15, 20])
    expect(await bytesOf(again, revision)).toEqual([revision, revision, revision]);
  expect(await again.snapshot('demo', 10)).toBeNull();
  await again.close();
});

test('keys of a snapshot that went are swept, and those of others are not', async () => {
  const directory = freshDirectory();
  const log = await filled(await openLmdbLog(directory));
  await log.saveSnapshot('demo', 5, 'label', pieces(5));
  await log.saveSnapshot('demo', 10, 'label', pieces(10), [5]);
  await log.saveSnapshot('demo', 15, 'label', pieces(15), [5]);
  // Sweeping goes on between questions.
  for (let turn = 0; turn < 20; turn++) await log.snapshots('demo');
  await log.close();
  const root = open({ path: join(directory, 'log.mdb'), overlappingSync: false });
  const table = root.openDB<Buffer, Buffer>('snapshots', { encoding: 'binary', keyEncoding: 'binary' });
  const revisions = new Set([...table.getKeys()].map((key) => Buffer.from(key).readUInt32BE(8)));
  await root.close();
  expect([...revisions]).toEqual([5, 15]);
});
