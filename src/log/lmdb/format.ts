import { existsSync, statSync } from 'node:fs';
import type { Database, RootDatabase } from 'lmdb';
import { decode } from '../codec.js';
import { LogError } from '../log-error.js';
import { Damage } from './damage.js';
import { checkFile } from './file-check.js';
import type { Item } from './file-tree.js';
import { countOf, packEntries, revisionKey, revisionOf, seal, streamKey, unseal } from './records.js';

/** Format of what is stored; a change that an older server would misread makes it one more. */
export const FORMAT = 5;
export const FORMAT_KEY = 'iommu-graph command log';
/** How many commits there were: tells which of those written ahead are here, and whether one that failed is. */
export const COUNT_KEY = 'transactions';

const DATABASES = ['streams', 'records', 'snapshots'];
/** Those of each format that can be read; a server that ended early may not have made all, or already the new. */
const KNOWN: Readonly<Record<number, readonly string[]>> = {
  1: ['heads', 'entries', ...DATABASES],
  2: DATABASES,
  3: DATABASES,
  4: DATABASES,
  5: DATABASES,
};

/** Entries of one value. */
const RECORD_ENTRIES = 512;

/**
 * Reads a log's file from end to end before it is given to LMDB; gives its format, null when nothing is in it.
 *
 * @throws LogError `UNUSABLE`: not a log, of another format, or damaged
 */
export function examine(path: string, directory: string): number | null {
  if (!existsSync(path) || statSync(path).size === 0) return null;
  let format: number | null = null;
  const names = new Set<string>();
  const streams = new Streams();
  try {
    checkFile(path, {
      root: (name, { value, tree }) => {
        if (name === FORMAT_KEY) format = numberIn(value);
        else if (tree !== null) names.add(name);
        else if (name !== COUNT_KEY) names.add(`${name} (no database)`);
      },
      entry: (database, item) => streams.see(database, item),
    });
    if (format === null) {
      if (names.size > 0) throw unusable(`The database in ${directory} is not a command log.`);
      return null;
    }
    const known = KNOWN[format];
    if (known === undefined) {
      throw unusable(
        `The command log in ${directory} has format ${format}; this server reads formats 1 to ${FORMAT}.`,
      );
    }
    const odd = [...names].find((name) => !known.includes(name));
    if (odd !== undefined) throw new Damage(`it has a database "${odd}"`);
    streams.prove();
    return format;
  } catch (cause) {
    if (!(cause instanceof Damage)) throw cause;
    throw unusable(
      `The command log in ${directory} is damaged (${cause.message}); nothing of it was changed.`,
    );
  }
}

function numberIn(value: Uint8Array): number {
  try {
    const number = decode(value);
    if (typeof number === 'number') return number;
  } catch {
    // Told below.
  }
  throw new Damage('its format is not a number');
}

/**
 * What the databases hold since format 2; those of format 1 are proven while they are copied. Snapshots are proven
 * when they are used: the log does not need them.
 */
class Streams {
  private readonly heads = new Set<number>();
  private readonly broken = new Map<number, number>();
  private last = { stream: 0, next: 1 };

  see(database: string, { key, value }: Item): void {
    if (database === 'streams') {
      unseal(key, value);
      this.heads.add(new DataView(key.buffer, key.byteOffset).getUint32(0));
    } else if (database === 'records') {
      const { stream, revision } = revisionOf(key);
      if (stream !== this.last.stream) this.last = { stream, next: 1 };
      if (revision !== this.last.next) this.broken.set(stream, this.last.next);
      this.last.next = revision + countOf(unseal(key, value));
    }
  }

  /** What is left of a dropped stream may have holes. */
  prove(): void {
    for (const [stream, revision] of this.broken)
      if (this.heads.has(stream)) throw new Damage(`stream ${stream} has no revision ${revision}`);
  }
}

/** Writes a directory of format 1 anew as the current one, in the transaction it is called in. */
export function upgradeFrom1(
  environment: RootDatabase,
  streams: Database<Buffer, Buffer>,
  records: Database<Buffer, Buffer>,
  directory: string,
): void {
  const heads = environment.openDB<Buffer, number>('heads', { encoding: 'binary' });
  const entries = environment.openDB<Buffer, [number, number]>('entries', { encoding: 'binary' });
  environment.transactionSync(() => {
    for (const { key: stream, value } of heads.getRange()) {
      const key = streamKey(stream);
      void streams.put(key, seal(key, Buffer.concat([Buffer.alloc(4), value])));
      copyEntries(entries, records, stream, directory);
    }
    heads.dropSync();
    entries.dropSync();
    void environment.put(FORMAT_KEY, FORMAT);
  });
}

function copyEntries(
  entries: Database<Buffer, [number, number]>,
  records: Database<Buffer, Buffer>,
  stream: number,
  directory: string,
): void {
  let next = 1;
  let batch: Uint8Array[] = [];
  const flush = () => {
    const key = revisionKey(stream, next - batch.length);
    void records.put(key, seal(key, packEntries(batch)));
    batch = [];
  };
  for (const { key, value } of entries.getRange({ start: [stream, 0], end: [stream + 1, 0] })) {
    if (key[1] !== next)
      throw unusable(
        `The command log in ${directory} is damaged (stream ${stream} has no revision ${next}).`,
      );
    batch.push(Uint8Array.from(value));
    next++;
    if (batch.length === RECORD_ENTRIES) flush();
  }
  if (batch.length > 0) flush();
}

function unusable(message: string): LogError {
  return new LogError('UNUSABLE', message);
}
