import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { openLmdbLog } from '../../src/log/lmdb-log.js';
import { LogError } from '../../src/log/log-error.js';
import { MemoryStore, openMemoryLog } from '../../src/log/memory-log.js';
import type { CommandLog, LogEntry } from '../../src/log/port.js';
import { StreamLog } from '../../src/log/stream-log.js';

const directories: string[] = [];

function freshDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'iommu-graph-log-'));
  directories.push(directory);
  return directory;
}

afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});

async function entriesOf(log: CommandLog, stream: string, from = 1): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for await (const entry of log.read(stream, from)) entries.push(entry);
  return entries;
}

const bytes = fc.uint8Array({ maxLength: 40 });
const text = fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed());
// MessagePack libraries store -0 as the integer 0.
const number = fc
  .oneof(fc.integer(), fc.maxSafeInteger(), fc.double())
  .map((value) => (value === 0 ? 0 : value));
const plainData = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    number,
    text,
    bytes,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
})).value;

describe.each([
  ['memory', () => openMemoryLog()],
  ['lmdb', () => openLmdbLog(freshDirectory())],
])('the log in %s', (_kind, openLog) => {
  let log: CommandLog;
  beforeEach(async () => {
    log = await openLog();
  });
  afterEach(() => log.close());

  it('gives back every header and entry as it was put in', async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(plainData, fc.array(plainData, { maxLength: 5 }), async (header, entries) => {
        const name = `stream ${++count}`;
        await log.create(name, header);
        await Promise.all(entries.map((entry, index) => log.append(name, index + 1, entry)));
        const head = (await log.streams()).find((stream) => stream.name === name);
        expect(head).toStrictEqual({ name, header, lastRevision: entries.length });
        expect(await entriesOf(log, name)).toStrictEqual(
          entries.map((entry, index) => ({ revision: index + 1, entry })),
        );
        await log.drop(name);
      }),
      { numRuns: 60 },
    );
  });

  it('behaves as a map of arrays does, whatever is done to it', async () => {
    const operation = fc.record({
      kind: fc.constantFrom('create', 'append', 'append', 'append', 'wrong', 'drop', 'read'),
      stream: fc.constantFrom('a', 'b', 'ä/\u{1f600} '.repeat(30)),
      value: fc.integer(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
        const model = new Map<string, number[]>();
        for (const head of await log.streams()) await log.drop(head.name);
        for (const { kind, stream, value } of operations) {
          const expected = model.get(stream);
          switch (kind) {
            case 'create':
              if (expected !== undefined) {
                await expect(log.create(stream, value)).rejects.toMatchObject({ refusal: 'STREAM_EXISTS' });
              } else {
                await log.create(stream, value);
                model.set(stream, []);
              }
              break;
            case 'append':
              if (expected === undefined) {
                await expect(log.append(stream, 1, value)).rejects.toMatchObject({
                  refusal: 'NO_SUCH_STREAM',
                });
              } else {
                await log.append(stream, expected.length + 1, value);
                expected.push(value);
              }
              break;
            case 'wrong':
              if (expected !== undefined && value !== expected.length + 1) {
                await expect(log.append(stream, value, value)).rejects.toMatchObject({
                  refusal: 'WRONG_REVISION',
                });
              }
              break;
            case 'drop':
              if (expected === undefined) {
                await expect(log.drop(stream)).rejects.toMatchObject({ refusal: 'NO_SUCH_STREAM' });
              } else {
                await log.drop(stream);
                model.delete(stream);
              }
              break;
            case 'read':
              if (expected !== undefined) {
                const from = Math.abs(value) % (expected.length + 2);
                expect((await entriesOf(log, stream, from)).map(({ entry }) => entry)).toEqual(
                  expected.slice(Math.max(0, from - 1)),
                );
              }
          }
          expect((await log.streams()).map(({ name, lastRevision }) => [name, lastRevision])).toEqual(
            [...model]
              .map(([name, values]): [string, number] => [name, values.length])
              .sort(([a], [b]) => (a < b ? -1 : 1)),
          );
        }
      }),
      { numRuns: 30 },
    );
  });

  it('reads long streams whole, from any revision', async () => {
    await log.create('long', null);
    await Promise.all(Array.from({ length: 2000 }, (_, index) => log.append('long', index + 1, index)));
    const all = await entriesOf(log, 'long');
    expect(all.map(({ entry }) => entry)).toEqual(Array.from({ length: 2000 }, (_, index) => index));
    expect((await entriesOf(log, 'long', 1025))[0]).toEqual({ revision: 1025, entry: 1024 });
    expect(await entriesOf(log, 'long', 2001)).toEqual([]);
  });

  it('takes a later change of what was appended for somebody else’s', async () => {
    const entry = { iova: new Uint8Array([1, 2, 3]), labels: ['a'] };
    await log.create('platform', entry);
    await log.append('platform', 1, entry);
    entry.iova[0] = 9;
    entry.labels.push('b');
    const [read] = await entriesOf(log, 'platform');
    expect(read?.entry).toEqual({ iova: new Uint8Array([1, 2, 3]), labels: ['a'] });
    (read?.entry as typeof entry).labels.push('c');
    expect((await entriesOf(log, 'platform'))[0]?.entry).toEqual({
      iova: new Uint8Array([1, 2, 3]),
      labels: ['a'],
    });
  });

  it('accepts appends before the stream itself is durable', async () => {
    const outcomes = await Promise.all([
      log.create('platform', 1),
      log.append('platform', 1, 'one'),
      log.append('platform', 2, 'two'),
    ]);
    expect(outcomes).toHaveLength(3);
    expect(await entriesOf(log, 'platform')).toEqual([
      { revision: 1, entry: 'one' },
      { revision: 2, entry: 'two' },
    ]);
  });

  it.each([
    ['a bigint', { a: [1n] }, 'entry.a[0] is a bigint'],
    ['a function', { a: () => 1 }, 'entry.a is a function'],
    ['an instance of a class', { a: new Date(0) }, 'entry.a is an object of class Date'],
    ['half a surrogate pair', { a: '\ud800' }, 'entry.a is a string with an unpaired surrogate'],
    [
      'half a surrogate pair as a key',
      { '\udfff': 1 },
      'a key of entry is a string with an unpaired surrogate',
    ],
  ])('refuses %s and keeps the revision free', async (_what, entry, message) => {
    await log.create('platform', null);
    await expect(log.append('platform', 1, entry)).rejects.toMatchObject({
      refusal: 'NOT_PLAIN_DATA',
      message,
    });
    await log.append('platform', 1, 'good');
    expect(await entriesOf(log, 'platform')).toEqual([{ revision: 1, entry: 'good' }]);
  });

  it('gives a dropped name to a new stream without the old entries', async () => {
    await log.create('platform', 'old');
    await log.append('platform', 1, 'old');
    await log.drop('platform');
    await log.create('platform', 'new');
    expect(await entriesOf(log, 'platform')).toEqual([]);
    await log.append('platform', 1, 'new');
    expect(await entriesOf(log, 'platform')).toEqual([{ revision: 1, entry: 'new' }]);
  });

  it('ends a reading whose stream was dropped with NO_SUCH_STREAM', async () => {
    await log.create('platform', null);
    // More than a reader takes at a time.
    const entry = new Uint8Array(3000);
    await Promise.all(Array.from({ length: 600 }, (_, index) => log.append('platform', index + 1, entry)));
    const reading = log.read('platform', 1)[Symbol.asyncIterator]();
    await reading.next();
    await log.drop('platform');
    await expect(
      (async () => {
        while (!(await reading.next()).done);
      })(),
    ).rejects.toMatchObject({ refusal: 'NO_SUCH_STREAM' });
  });

  it('makes durable what was accepted before it closes, and then refuses with CLOSED', async () => {
    await log.create('platform', null);
    const appended = log.append('platform', 1, 'last');
    await log.close();
    await expect(appended).resolves.toBeUndefined();
    await expect(log.append('platform', 2, 'late')).rejects.toMatchObject({ refusal: 'CLOSED' });
    await expect(log.streams()).rejects.toMatchObject({ refusal: 'CLOSED' });
    await log.close();
  });
});

/** A store that once does not know what became of a commit. */
class UncertainStore extends MemoryStore {
  asked = 0;

  override commit(): Promise<void> {
    this.asked++;
    return Promise.reject(new LogError('LOST', 'Nobody knows.'));
  }
}

it('accepts nothing any more once its store does not know what it holds', async () => {
  const store = new UncertainStore();
  const log = await StreamLog.open(store);
  const lost = { refusal: 'LOST', message: 'Nobody knows.' };
  await expect(log.create('platform', null)).rejects.toMatchObject(lost);
  await expect(log.create('other', null)).rejects.toMatchObject(lost);
  expect(store.asked).toBe(1);
  expect(await log.streams()).toEqual([]);
});
