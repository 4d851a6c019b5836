import { mkdtempSync, rmSync } from 'node:fs';
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
    expect(root.get('iommu-graph command log')).toBe(4);
    expect([...root.getKeys()]).toEqual(['iommu-graph command log', 'records', 'snapshots', 'streams']);
    await root.close();
  });
});

test('a directory of format 2, which had no snapshots, opens with everything it held and becomes one of format 4', async () => {
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
  expect(root.get('iommu-graph command log')).toBe(4);
  await root.close();
});

test.each([5, 100])('a directory of format %i is refused', async (format) => {
  await (await openLmdbLog(directory)).close();
  await setFormat(format);
  await expect(openLmdbLog(directory)).rejects.toMatchObject({
    refusal: 'UNUSABLE',
    message: `The command log in ${directory} has format ${format}; this server reads formats 1 to 4.`,
  });
});
