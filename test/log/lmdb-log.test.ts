import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { openLmdbLog } from '../../src/log/lmdb-log.js';
import { expectAppended, startAppender, valuesOf } from '../support/log/appending.js';

// Some cases start processes, which on a busy machine takes what it takes.
jest.setTimeout(60_000);

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'iommu-graph-lmdb-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('the log in a directory', () => {
  it('makes the directory, and those above it', async () => {
    const log = await openLmdbLog(join(directory, 'a', 'b'));
    await log.close();
    expect(readdirSync(join(directory, 'a'))).toEqual(['b']);
  });

  it('holds after a restart what it held before', async () => {
    let log = await openLmdbLog(directory);
    await log.create('one', { template: 'demo' });
    await log.create('two', null);
    await log.append('one', 1, 'first');
    await log.close();
    log = await openLmdbLog(directory);
    expect(await log.streams()).toEqual([
      { name: 'one', header: { template: 'demo' }, lastRevision: 1 },
      { name: 'two', header: null, lastRevision: 0 },
    ]);
    await log.append('one', 2, 'second');
    await log.create('three', 3);
    await log.close();
    log = await openLmdbLog(directory);
    expect(await valuesOf(log, 'one')).toEqual(['first', 'second']);
    expect((await log.streams()).map(({ name }) => name)).toEqual(['one', 'three', 'two']);
    await log.close();
  });

  it('does not bring back a dropped stream, nor its entries under a new number', async () => {
    let log = await openLmdbLog(directory);
    await log.create('kept', null);
    await log.create('dropped', null);
    await Promise.all(Array.from({ length: 2500 }, (_, index) => log.append('dropped', index + 1, index)));
    await log.drop('dropped');
    await log.close();
    log = await openLmdbLog(directory);
    expect((await log.streams()).map(({ name }) => name)).toEqual(['kept']);
    await log.create('dropped', null);
    expect(await valuesOf(log, 'dropped')).toEqual([]);
    await log.close();
  });

  it('removes at the next start what a server left that died while it dropped a stream', async () => {
    let log = await openLmdbLog(directory);
    await log.create('platform', null);
    await log.append('platform', 1, 'old');
    await log.close();
    const raw = open({ path: join(directory, 'log.mdb'), overlappingSync: false });
    const streams = raw.openDB('streams', { encoding: 'binary', keyEncoding: 'binary' });
    expect(streams.removeSync(Buffer.from([0, 0, 0, 1]))).toBe(true);
    await raw.close();
    log = await openLmdbLog(directory);
    await log.create('platform', null);
    expect(await valuesOf(log, 'platform')).toEqual([]);
    await log.close();
  });

  it('does not take what is stored under a number for what a dropped stream left under it', async () => {
    let log = await openLmdbLog(directory);
    await log.create('other', null);
    await log.create('platform', null);
    // More than is removed at a time: in turns, each is a value of its own.
    const appends: Promise<void>[] = [];
    for (let revision = 1; revision <= 600; revision++)
      appends.push(log.append('other', revision, 'old'), log.append('platform', revision, 'old'));
    await Promise.all(appends);
    await log.close();
    const raw = open({ path: join(directory, 'log.mdb'), overlappingSync: false });
    const streams = raw.openDB('streams', { encoding: 'binary', keyEncoding: 'binary' });
    expect(streams.removeSync(Buffer.from([0, 0, 0, 2]))).toBe(true);
    await raw.close();
    log = await openLmdbLog(directory);
    await log.create('platform', null);
    for (let revision = 1; revision <= 5; revision++) await log.append('platform', revision, 'new');
    await log.close();
    log = await openLmdbLog(directory);
    expect(await valuesOf(log, 'platform')).toEqual(Array.from({ length: 5 }, () => 'new'));
    await log.close();
  });

  it('refuses a second opening in the same process', async () => {
    const log = await openLmdbLog(directory);
    await expect(openLmdbLog(directory)).rejects.toMatchObject({
      refusal: 'UNUSABLE',
      message: `The data directory ${directory} is in use by another server.`,
    });
    await log.append('nothing', 1, null).catch(() => undefined);
    await log.close();
    await (await openLmdbLog(directory)).close();
  });

  it('refuses a directory that another process has open, and takes it over when that is killed', async () => {
    const { child, lines } = startAppender(directory, 'idle');
    expect((await lines.next()).value).toBe('open 0');
    await expect(openLmdbLog(directory)).rejects.toMatchObject({
      refusal: 'UNUSABLE',
      message: `The data directory ${directory} is in use by another server.`,
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const log = await openLmdbLog(directory);
    expect(await log.streams()).toEqual([{ name: 'platform', header: { seed: 1 }, lastRevision: 0 }]);
    await log.close();
  });

  it('loses no acknowledged entry to a kill in the middle of group commits', async () => {
    const acknowledged = new Map<number, string>();
    for (let round = 1; round <= 6; round++) {
      const { child, lines } = startAppender(directory);
      const until = acknowledged.size + 50 * round;
      for await (const line of lines) {
        const [what, revision, attempt] = line.split(' ');
        if (what === 'acknowledged') acknowledged.set(Number(revision), attempt!);
        else expect(Number(revision)).toBeGreaterThanOrEqual(Math.max(0, ...acknowledged.keys()));
        if (acknowledged.size >= until) child.kill('SIGKILL');
      }
      const log = await openLmdbLog(directory);
      await expectAppended(log, acknowledged);
      await log.close();
    }
    expect(acknowledged.size).toBeGreaterThanOrEqual(1000);
  });
});

describe('relaxed sync', () => {
  it('loses no acknowledged entry to a kill, and leaves a directory that full sync goes on with', async () => {
    const { child, lines } = startAppender(directory, 'relaxed');
    const acknowledged = new Map<number, string>();
    for await (const line of lines) {
      const [what, revision, attempt] = line.split(' ');
      if (what === 'acknowledged') acknowledged.set(Number(revision), attempt!);
      if (acknowledged.size >= 200) child.kill('SIGKILL');
    }
    const log = await openLmdbLog(directory);
    await expectAppended(log, acknowledged);
    const [head] = await log.streams();
    await log.append('platform', (head?.lastRevision ?? 0) + 1, 'more');
    await log.close();
  });
});

describe('a directory that is refused', () => {
  const refusal = (message: string | RegExp) => ({
    refusal: 'UNUSABLE',
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  });

  it('holds something else', async () => {
    writeFileSync(join(directory, 'thesis.tex'), '');
    await expect(openLmdbLog(directory)).rejects.toMatchObject(
      refusal(
        `The data directory ${directory} holds something else (thesis.tex); give one that is empty or was made by this server.`,
      ),
    );
    expect(readdirSync(directory)).toEqual(['thesis.tex']);
  });

  it('may hold what belongs to a mounted volume or a repository', async () => {
    mkdirSync(join(directory, 'lost+found'));
    writeFileSync(join(directory, '.gitkeep'), '');
    await (await openLmdbLog(directory)).close();
  });

  it.each([
    ['text', Buffer.from('not a database, '.repeat(1000))],
    ['a short file', Buffer.from([1, 2, 3])],
    ['zeros', Buffer.alloc(8192)],
  ])('holds a log.mdb that is %s', async (_what, content) => {
    writeFileSync(join(directory, 'log.mdb'), content);
    await expect(openLmdbLog(directory)).rejects.toMatchObject(
      refusal(`The file ${join(directory, 'log.mdb')} is not a command log.`),
    );
  });

  it('may hold an empty log.mdb, left by a start that was killed', async () => {
    writeFileSync(join(directory, 'log.mdb'), '');
    await (await openLmdbLog(directory)).close();
  });

  it('holds an LMDB database of another program', async () => {
    const other = open({ path: join(directory, 'log.mdb'), overlappingSync: false });
    await other.put('theirs', 1);
    await other.close();
    await expect(openLmdbLog(directory)).rejects.toMatchObject(
      refusal(`The database in ${directory} is not a command log.`),
    );
  });

  it.each([
    [
      'is below a file',
      () => join(directory, 'file', 'data'),
      /cannot be written \(ENOTDIR: not a directory\)\.$/,
    ],
    ['is a file', () => join(directory, 'file'), /cannot be written \(ENOTDIR: not a directory\)\.$/],
    // Root is not stopped by permission bits, but by a file system that takes no directories.
    ['is where nothing can be made', () => '/proc/iommu-graph', /cannot be written \(ENOENT: no such file/],
  ])('%s', async (_what, path, message) => {
    writeFileSync(join(directory, 'file'), '');
    await expect(openLmdbLog(path())).rejects.toMatchObject(refusal(message));
  });
});
