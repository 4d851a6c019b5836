import * as fc from 'fast-check';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from '../../src/log/codec.js';
import { AHEAD, findAhead } from '../../src/log/lmdb/ahead-found.js';
import { HEAD, knownRecordAt, recordsOf, sealRecord } from '../../src/log/lmdb/ahead-record.js';
import { type AheadWrite, readWrites } from '../../src/log/lmdb/ahead-writes.js';
import { Damage } from '../../src/log/lmdb/damage.js';
import { LmdbStore } from '../../src/log/lmdb/lmdb-store.js';
import { countOf, unpackEntries } from '../../src/log/lmdb/records.js';
import { WriteAhead } from '../../src/log/lmdb/write-ahead.js';
import type { Write } from '../../src/log/store.js';

jest.setTimeout(120_000);

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'iommu-graph-writes-'));
  path = join(directory, 'ahead.log');
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Commits of some streams that are created, go on, and are dropped, in any order the log allows. */
const commits: fc.Arbitrary<Write[][]> = fc
  .array(
    fc.array(
      fc.oneof(
        {
          weight: 1,
          arbitrary: fc.record({ name: fc.string({ unit: 'grapheme' }), header: fc.uint8Array() }),
        },
        { weight: 4, arbitrary: fc.record({ pick: fc.nat(), entry: fc.uint8Array({ maxLength: 40 }) }) },
        { weight: 1, arbitrary: fc.record({ drop: fc.nat() }) },
      ),
      { minLength: 1, maxLength: 12 },
    ),
    { maxLength: 8 },
  )
  .map((drawn) => {
    const streams: { stream: number; next: number }[] = [];
    let last = 0;
    const create = (name: string, header: Uint8Array): Write => {
      streams.push({ stream: ++last, next: 1 });
      return { kind: 'create', stream: last, name, header };
    };
    return drawn.map((each) =>
      each.map((what): Write => {
        if ('name' in what) return create(what.name, what.header);
        if (streams.length === 0) return create('first', new Uint8Array());
        if ('drop' in what) {
          const [gone] = streams.splice(what.drop % streams.length, 1);
          return { kind: 'drop', stream: gone!.stream };
        }
        const to = streams[what.pick % streams.length]!;
        return { kind: 'append', stream: to.stream, revision: to.next++, entry: what.entry };
      }),
    );
  });

/** The file after these commits, and what the thread is handed after each of some. */
async function written(all: readonly Write[][], handOver: (bytes: Uint8Array) => void): Promise<Buffer> {
  rmSync(path, { force: true });
  findAhead(path, 0, AHEAD);
  const ahead = new WriteAhead(path, 0, true);
  for (const [index, writes] of all.entries()) {
    await ahead.append(writes);
    const bytes = index % 3 === 2 || index === all.length - 1 ? ahead.take() : null;
    if (bytes !== null) handOver(bytes);
  }
  ahead.close();
  return readFileSync(path);
}

/** The writes that were put, of those that are read. */
const asPut = (found: readonly AheadWrite[]): Write[] =>
  found.flatMap((write): Write[] => {
    const { kind, stream } = write;
    if (kind === 'drop') return [{ kind, stream }];
    if (kind === 'create')
      return [{ kind, stream, ...(decode(write.content) as { name: string; header: Uint8Array }) }];
    const { source, at, count, end, first } = write;
    const lengths = Array.from({ length: count }, (_, index) =>
      Buffer.from(source).readUInt32LE(at + 4 * index),
    );
    let next = at + 4 * count;
    const entries = lengths.map((length) => Uint8Array.from(source.subarray(next, (next += length))));
    expect(next).toBe(end);
    return entries.map((entry, index) => ({ kind, stream, revision: first + index, entry }));
  });

test('writes come back as they were put, through the file and through memory', async () => {
  await fc.assert(
    fc.asyncProperty(commits, async (all) => {
      const handedOver: AheadWrite[] = [];
      await written(all, (bytes) => {
        const records = recordsOf(bytes);
        for (let at = 0; at < bytes.byteLength;) {
          const record = knownRecordAt(records, at);
          readWrites(records, record, handedOver);
          at = record.end;
        }
      });
      const { writes, last } = findAhead(path, 0, AHEAD);
      expect(last).toBe(all.length);
      expect(asPut(writes)).toEqual(all.flat());
      expect(asPut(handedOver)).toEqual(all.flat());
    }),
    { numRuns: 60 },
  );
});

/** What the databases should hold: head and entries of each stream. */
function expected(all: readonly Write[][]): Map<number, { head: unknown; entries: Uint8Array[] }> {
  const streams = new Map<number, { head: unknown; entries: Uint8Array[] }>();
  for (const write of all.flat()) {
    if (write.kind === 'create')
      streams.set(write.stream, { head: { name: write.name, header: write.header }, entries: [] });
    if (write.kind === 'append') streams.get(write.stream)!.entries.push(write.entry);
    if (write.kind === 'drop') streams.delete(write.stream);
  }
  return streams;
}

function held(store: LmdbStore): ReturnType<typeof expected> {
  // What is asked first, and knows of all that was handed over once something was read.
  store.read(1, 1);
  return new Map(
    store.load().streams.map(({ stream, head }) => {
      const entries: Uint8Array[] = [];
      for (;;) {
        const found = store.read(stream, entries.length + 1);
        if (found.length === 0) break;
        for (const { first, content } of found) {
          if (first + countOf(content) <= entries.length + 1)
            return [stream, { head: decode(head), entries }];
          expect(first).toBe(entries.length + 1);
          entries.push(...unpackEntries(content).map((entry) => Uint8Array.from(entry)));
        }
      }
      return [stream, { head: decode(head), entries }];
    }),
  );
}

test('the databases hold what was written, whether the next start found it or the thread was handed it', async () => {
  await fc.assert(
    fc.asyncProperty(commits, async (all) => {
      const start = { path: join(directory, 'log.mdb'), aheadPath: path, directory, relaxed: true };
      const handed = mkdtempSync(join(directory, 'handed-'));
      const other = new LmdbStore(
        { ...start, path: join(handed, 'log.mdb'), aheadPath: join(handed, 'ahead.log') },
        null,
      );
      // The file is made beside a log that is there.
      new LmdbStore(start, null).close();
      await written(all, (bytes) => other.take(bytes));
      const next = new LmdbStore(start, 5);
      try {
        expect(held(other)).toEqual(expected(all));
        expect(held(next)).toEqual(expected(all));
      } finally {
        other.close();
        next.close();
        for (const file of ['log.mdb', 'log.mdb-lock', 'ahead.log']) rmSync(join(directory, file));
      }
    }),
    { numRuns: 25 },
  );
});

/** Numbers of the commits a start finds, or why it refuses. */
function found(bytes: Uint8Array, all: readonly Write[][]): number | string {
  writeFileSync(path, bytes);
  try {
    const { writes, last } = findAhead(path, 0, AHEAD);
    expect(asPut(writes)).toEqual(all.slice(0, last).flat());
    return last;
  } catch (cause) {
    if (!(cause instanceof Damage)) throw cause;
    return cause.message;
  }
}

test('of a file that ends anywhere, or has another byte anywhere, no commit is found in part', async () => {
  await fc.assert(
    fc.asyncProperty(commits, fc.nat(), fc.integer({ min: 1, max: 255 }), async (all, draw, flip) => {
      const file = await written(all, () => undefined);
      const ends = [0];
      while (ends.length <= all.length) ends.push(ends.at(-1)! + HEAD + file.readUInt32LE(ends.at(-1)! + 4));
      const [bytes, end] = [file.subarray(0, ends.at(-1)! + 64), ends.at(-1)!];
      const at = draw % (end + 1);
      const whole = ends.filter((each) => each <= at).length - 1;
      expect(found(bytes.subarray(0, at), all)).toBe(whole);
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= flip;
      // Behind the last are zeros that nobody asked for.
      const isFollowed = whole + 1 < all.length;
      expect(found(changed, all)).toBe(
        isFollowed ? `commit ${whole + 1} is not what was written` : Math.min(whole, all.length),
      );
    }),
    { numRuns: 200 },
  );
});

/** A record of these bytes with the check sum it should have. */
function sealed(body: Uint8Array): Buffer {
  const bytes = new Uint8Array(HEAD + body.byteLength);
  bytes.set(body, HEAD);
  sealRecord(recordsOf(bytes), 0, bytes.byteLength, 1);
  return Buffer.from(bytes);
}

const APPEND = '02 01000000 0100000000000000';
test.each([
  ['a write of another kind', '04 01000000'],
  ['a write that is cut', '03 0100'],
  ['a write behind which something is left', '03 01000000 00'],
  ['a head that is longer than it', '01 01000000 05000000 01020304'],
  ['no entries where there should be some', `${APPEND} 00000000`],
  ['fewer lengths than entries', `${APPEND} 02000000 01000000`],
  ['more entries than there can be', `${APPEND} ffffffff 01000000 0a`],
  ['an entry that is longer than it', `${APPEND} 01000000 02000000 0a`],
  ['entries that together are longer than it', `${APPEND} 02000000 01000000 ffffffff 0a0b`],
])('a commit with %s is refused, though its check sum is right', (_what, hex) => {
  writeFileSync(path, sealed(Buffer.from(hex.replaceAll(' ', ''), 'hex')));
  expect(() => findAhead(path, 0, AHEAD)).toThrow(new Damage('commit 1 cannot be read'));
});

test('any bytes with a right check sum are writes within them, or refused', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom(0, 0, 1, 2, 3), fc.integer({ min: 0, max: 255 })), { minLength: 1 }),
      (body) => {
        const file = recordsOf(sealed(Uint8Array.from(body)));
        const record = AHEAD.recordAt(file, 0)!;
        const writes: AheadWrite[] = [];
        try {
          readWrites(file, record, writes);
        } catch (cause) {
          expect(cause).toEqual(new Damage('commit 1 cannot be read'));
          return;
        }
        let bytes = 0;
        for (const write of writes) {
          if (write.kind === 'drop') bytes += 5;
          else if (write.kind === 'create') bytes += 9 + write.content.byteLength;
          else bytes += 17 + write.end - write.at;
        }
        expect(bytes).toBe(body.length);
      },
    ),
    { numRuns: 2000 },
  );
});
