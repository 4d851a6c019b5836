import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import { decode, encode } from './codec.js';
import { LOG_FILE, prepareDataDirectory } from './data-directory.js';
import { lockDirectory } from './directory-lock.js';
import { LogError } from './log-error.js';
import type { CommandLog } from './port.js';
import type { Store, StoredEntry, StoredStream, Write } from './store.js';
import { StreamLog } from './stream-log.js';

/** Format of what is stored; a change that an older server would misread makes it one more. */
const FORMAT = 1;
const FORMAT_KEY = 'iommu-graph command log';

/** Entries of dropped streams are removed this many at a time, so that appends get in between. */
const SWEEP = 1000;

/**
 * A log in a directory, made when it is missing.
 *
 * @param failed told when a commit failed, as on a full disk. The process should then end: LMDB's writing
 *   thread leaves the heap damaged behind it (seen with lmdb 3.5.6). What was acknowledged is on the disk.
 * @throws LogError `UNUSABLE`, one sentence: not writable, not ours, of a newer format, in use
 */
export async function openLmdbLog(
  path: string,
  failed: (reason: unknown) => void = () => undefined,
): Promise<CommandLog> {
  const directory = prepareDataDirectory(path);
  const unlock = lockDirectory(directory);
  try {
    // Not overlapping: a commit is announced only when it has been synced, by LMDB's own thread.
    const environment = open({ path: join(directory, LOG_FILE), overlappingSync: false });
    try {
      await acceptFormat(environment, directory);
      return await StreamLog.open(new LmdbStore(environment, unlock, failed));
    } catch (cause) {
      await environment.close();
      throw cause;
    }
  } catch (cause) {
    await unlock();
    throw cause instanceof LogError
      ? cause
      : new LogError(
          'UNUSABLE',
          `The command log in ${directory} cannot be opened (${cause instanceof Error ? cause.message : String(cause)}).`,
          { cause },
        );
  }
}

async function acceptFormat(environment: RootDatabase, directory: string): Promise<void> {
  const format: unknown = environment.get(FORMAT_KEY);
  if (format === FORMAT) return;
  if (typeof format === 'number') {
    throw new LogError(
      'UNUSABLE',
      `The command log in ${directory} has format ${format}; this server reads format ${FORMAT}.`,
    );
  }
  if (environment.getKeysCount() > 0) {
    throw new LogError('UNUSABLE', `The database in ${directory} is not a command log.`);
  }
  await environment.put(FORMAT_KEY, FORMAT);
}

class LmdbStore implements Store {
  /** Stream number to name and header. */
  private readonly heads: Database<Buffer, number>;
  /** Stream number and revision to entry. */
  private readonly entries: Database<Buffer, [number, number]>;
  private sweeping: Promise<void> = Promise.resolve();

  constructor(
    private readonly environment: RootDatabase,
    private readonly unlock: () => Promise<void>,
    private readonly failed: (reason: unknown) => void,
  ) {
    this.heads = environment.openDB('heads', { encoding: 'binary' });
    this.entries = environment.openDB('entries', { encoding: 'binary' });
  }

  async load(): Promise<readonly StoredStream[]> {
    const streams: StoredStream[] = [];
    for (const { key: stream, value } of this.heads.getRange()) {
      const { name, header } = decode(value) as { name: string; header: Uint8Array };
      const [newest] = this.entries.getKeys({
        start: [stream, Number.MAX_SAFE_INTEGER],
        end: [stream, 0],
        reverse: true,
        limit: 1,
      });
      streams.push({ stream, name, header, lastRevision: newest === undefined ? 0 : newest[1] });
    }
    await this.sweepBetween(streams.map(({ stream }) => stream));
    return streams;
  }

  async commit(writes: readonly Write[]): Promise<void> {
    const dropped: number[] = [];
    const batch = this.environment.batch(() => {
      for (const write of writes) {
        switch (write.kind) {
          case 'create':
            ignoring(
              this.heads.put(write.stream, bytesOf(encode({ name: write.name, header: write.header }))),
            );
            break;
          case 'append':
            ignoring(this.entries.put([write.stream, write.revision], bytesOf(write.entry)));
            break;
          case 'drop':
            ignoring(this.heads.remove(write.stream));
            dropped.push(write.stream);
            break;
        }
      }
    });
    await batch.catch(async (cause: unknown) => {
      const reason = await reasonOf(cause);
      this.failed(reason);
      throw reason;
    });
    for (const stream of dropped) {
      // A sweep that fails leaves what the next start removes.
      this.sweeping = this.sweeping.then(() => this.sweep(stream, stream + 1)).catch(() => undefined);
    }
  }

  *read(stream: number, from: number, last: number): Generator<StoredEntry> {
    for (const { key, value } of this.entries.getRange({ start: [stream, from], end: [stream, last + 1] })) {
      yield { revision: key[1], entry: value };
    }
  }

  async close(): Promise<void> {
    await this.sweeping;
    await this.environment.close();
    await this.unlock();
  }

  /** Removes what a server left that ended between dropping a stream and removing its entries. */
  private async sweepBetween(streams: readonly number[]): Promise<void> {
    let from = 0;
    for (const stream of streams) {
      await this.sweep(from, stream);
      from = stream + 1;
    }
    await this.sweep(from, Number.MAX_SAFE_INTEGER);
  }

  private async sweep(from: number, end: number): Promise<void> {
    for (;;) {
      const keys = [...this.entries.getKeys({ start: [from, 0], end: [end, 0], limit: SWEEP })];
      if (keys.length === 0) return;
      await this.environment.batch(() => {
        for (const key of keys) ignoring(this.entries.remove(key));
      });
    }
  }
}

/** The same bytes as LMDB wants to see them. */
function bytesOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The batch tells how all of its writes went; each also has a promise that must not be left to itself. */
function ignoring(write: Promise<boolean>): void {
  write.catch(() => undefined);
}

/** LMDB rejects with a pointer to a second promise, which rejects with the reason. */
function reasonOf(cause: unknown): Promise<unknown> {
  const { commitError } = cause as { commitError?: Promise<never> };
  return commitError === undefined ? Promise.resolve(cause) : commitError.catch((reason: unknown) => reason);
}
