import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { openLmdbLog } from '../../src/log/lmdb-log.js';
import { valuesOf } from '../support/log/appending.js';
import { type OldStream, writeFormat1 } from '../support/log/format-1.js';

jest.setTimeout(60_000);

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'iommu-graph-format-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

async function setFormat(format: unknown): Promise<void> {
  const root = open({ path: join(directory, 'log.mdb'), overlappingSync: false });
  await root.put('iommu-graph command log', format);
  await root.close();
}

const OLD: readonly OldStream[] = [
  {
    number: 2,
    name: 'demo',
    header: { machine: 'a' },
    entries: Array.from({ length: 3000 }, (_, n) => ({ n })),
  },
  { number: 3, name: 'empty', header: null, entries: [] },
  {
    number: 7,
    name: 'large',
    header: { bytes: new Uint8Array(100_000).fill(7) },
    entries: [new Uint8Array(300_000)],
  },
];

describe('a directory of format 1', () => {
  it('opens with everything it held, and goes on', async () => {
    await writeFormat1(directory, OLD);
    for (let start = 0; start < 2; start++) {
      const log = await openLmdbLog(directory);
      expect(await log.streams()).toEqual(
        OLD.map(({ name, header, entries }) => ({
          name,
          header,
          lastRevision: entries.length + (name === 'empty' ? start : 0),
        })),
      );
      for (const { name, entries } of OLD) {
        if (name !== 'empty') expect(await valuesOf(log, name)).toEqual(entries);
      }
      await log.append('empty', start + 1, 'new');
      await log.close();
    }
  });

  it('keeps nothing of streams that were being dropped', async () => {
    await writeFormat1(directory, OLD);
    const root = open({ path: join(directory, 'log.mdb'), overlappingSync: false });
    await root.openDB('heads', { encoding: 'binary' }).remove(2);
    await root.close();
    const log = await openLmdbLog(directory);
    expect((await log.streams()).map(({ name }) => name)).toEqual(['empty', 'large']);
    await log.create('demo', null);
    expect(await valuesOf(log, 'demo')).toEqual([]);
    await log.close();
  });

  it('is refused, and left as it was, when a stream has a hole', async () => {
    const entries = [1, 2, undefined, 4];
    await writeFormat1(directory, [{ number: 1, name: 'holed', header: null, entries }]);
    for (let start = 0; start < 2; start++) {
      await expect(openLmdbLog(directory)).rejects.toMatchObject({
        refusal: 'UNUSABLE',
        message: `The command log in ${directory} is damaged (stream 1 has no revision 3).`,
      });
    }
  });

  it('is read by no older server once it was opened', async () => {
    await writeFormat1(directory, OLD);
    await (await openLmdbLog(directory)).close();
    const root = open({ path: join(directory, 'log.mdb'), overlappingSync: false });
    expect(root.get('iommu-graph command log')).toBe(5);
    expect([...root.getKeys()]).toEqual(['iommu-graph command log', 'records', 'snapshots', 'streams']);
    await root.close();
  });
});

test('a directory of format 2, which had no snapshots, opens with everything it held and becomes one of format 5', async () => {
  const before = await openLmdbLog(directory);
  await before.create('demo', { machine: 'a' });
  await before.append('demo', 1, 'first');
  await before.close();
  const old = open({ path: join(directory, 'log.mdb'), overlappingSync: false });
  await old.openDB('snapshots', { encoding: 'binary', keyEncoding: 'binary' }).drop();
  await old.put('iommu-graph command log', 2);
  await old.close();

  const log = await openLmdbLog(directory);
  expect(await log.streams()).toEqual([{ name: 'demo', header: { machine: 'a' }, lastRevision: 1 }]);
  expect(await valuesOf(log, 'demo')).toEqual(['first']);
  expect(await log.snapshot('demo')).toBeNull();
  await log.close();
  const root = open({ path: join(directory, 'log.mdb'), overlappingSync: false });
  expect(root.get('iommu-graph command log')).toBe(5);
  await root.close();
});

test.each([6, 100])('a directory of format %i is refused', async (format) => {
  await (await openLmdbLog(directory)).close();
  await setFormat(format);
  await expect(openLmdbLog(directory)).rejects.toMatchObject({
    refusal: 'UNUSABLE',
    message: `The command log in ${directory} has format ${format}; this server reads formats 1 to 5.`,
  });
});

/**
 * `ahead.log` as a server of format 4 left it when it was killed: `demo` and `gone` were created, `demo` got six entries
 * in four commits, and `gone`, which got one, was dropped. Nothing of it was in the databases.
 */
const AHEAD_4 = Buffer.from(
  '47000000b7b4e405010000000000000091de0003a46b696e64a6637265617465a673747265616d01a576616c7565c42700000000de0002a46e61' +
    '6d65a464656d6fa6686561646572c40dde0001a76d616368696e65a1614b0000007561305d020000000000000091de0004a46b696e64a661' +
    '7070656e64a673747265616d01a5666972737401a576616c7565c424000000000100000018000000de0002a87265766973696f6e01a56279' +
    '746573c40301020362000000a0478f54030000000000000091de0004a46b696e64a6617070656e64a673747265616d01a5666972737402a5' +
    '76616c7565c43b00000000030000000d0000000d0000000d000000de0001a87265766973696f6e02de0001a87265766973696f6e03de0001' +
    'a87265766973696f6e043b0000003f9f2f6a040000000000000091de0003a46b696e64a6637265617465a673747265616d02a576616c7565' +
    'c41b00000000de0002a46e616d65a4676f6e65a6686561646572c401c088000000e2675e93050000000000000092de0004a46b696e64a661' +
    '7070656e64a673747265616d02a5666972737401a576616c7565c411000000000100000005000000a46c6f7374de0004a46b696e64a66170' +
    '70656e64a673747265616d01a5666972737405a576616c7565c42a00000000020000000d0000000d000000de0001a87265766973696f6e05' +
    'de0001a87265766973696f6e0616000000de44d05a060000000000000091de0002a46b696e64a464726f70a673747265616d02',
  'hex',
);

describe('a directory of format 4', () => {
  const aheadPath = () => join(directory, 'ahead.log');
  const leave = async (ahead: Uint8Array) => {
    await (await openLmdbLog(directory)).close();
    await setFormat(4);
    writeFileSync(aheadPath(), Buffer.concat([ahead, Buffer.alloc(4096)]));
  };
  const ENTRIES = [
    { revision: 1, bytes: new Uint8Array([1, 2, 3]) },
    ...[2, 3, 4, 5, 6].map((revision) => ({ revision })),
  ];
  const refused = (reason: string) => ({
    refusal: 'UNUSABLE',
    message: `The command log in ${directory} is damaged (${reason}); nothing of it was changed.`,
  });

  it('opens with the commits that were only in ahead.log, and goes on', async () => {
    await leave(AHEAD_4);
    const log = await openLmdbLog(directory);
    expect(await log.streams()).toEqual([{ name: 'demo', header: { machine: 'a' }, lastRevision: 6 }]);
    await log.append('demo', 7, 'new');
    // As a kill leaves it: the new commit stands over the first of the old ones.
    const files = ['log.mdb', 'ahead.log'].map(
      (name) => [name, readFileSync(join(directory, name))] as const,
    );
    expect(await valuesOf(log, 'demo')).toEqual([...ENTRIES, 'new']);
    await log.close();
    for (const [name, bytes] of files) writeFileSync(join(directory, name), bytes);
    const again = await openLmdbLog(directory);
    expect(await valuesOf(again, 'demo')).toEqual([...ENTRIES, 'new']);
    await again.close();
    const root = open({ path: join(directory, 'log.mdb'), overlappingSync: false });
    expect(root.get('iommu-graph command log')).toBe(5);
    await root.close();
  });

  it('opens with the same when a start was killed after the databases took them', async () => {
    await leave(AHEAD_4);
    await (await openLmdbLog(directory)).close();
    await setFormat(4);
    const log = await openLmdbLog(directory);
    expect(await valuesOf(log, 'demo')).toEqual(ENTRIES);
    await log.close();
  });

  it('opens without the last commit where a power cut tore it', async () => {
    const torn = Buffer.from(AHEAD_4);
    torn[torn.length - 1]! ^= 1;
    await leave(torn);
    const log = await openLmdbLog(directory);
    expect((await log.streams()).map(({ name }) => name)).toEqual(['demo', 'gone']);
    await log.close();
  });

  it('is refused, and left as it was, when another commit is not what was written', async () => {
    const changed = Buffer.from(AHEAD_4);
    changed[100]! ^= 1;
    await leave(changed);
    for (let start = 0; start < 2; start++)
      await expect(openLmdbLog(directory)).rejects.toMatchObject(refused('commit 2 is not what was written'));
    writeFileSync(aheadPath(), AHEAD_4);
    const log = await openLmdbLog(directory);
    expect(await valuesOf(log, 'demo')).toEqual(ENTRIES);
    await log.close();
  });

  it('is refused when its log.mdb is missing', async () => {
    await leave(AHEAD_4);
    rmSync(join(directory, 'log.mdb'));
    for (let start = 0; start < 2; start++)
      await expect(openLmdbLog(directory)).rejects.toMatchObject(
        refused('log.mdb is missing beside ahead.log'),
      );
  });
});
