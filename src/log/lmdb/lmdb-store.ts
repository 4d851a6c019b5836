import { open, type Database, type RootDatabase } from 'lmdb';
import { LogError } from '../log-error.js';
import { COUNT_KEY, FORMAT, FORMAT_KEY, upgradeFrom1 } from './format.js';
import { revisionKey, revisionOf, seal, streamKey, unseal } from './records.js';
import { Room } from './room.js';

/** A write as it crosses to the thread that does it; values still lack their check sums. */
export type PackedWrite =
  | { readonly kind: 'create'; readonly stream: number; readonly value: Uint8Array }
  | { readonly kind: 'append'; readonly stream: number; readonly first: number; readonly value: Uint8Array }
  | { readonly kind: 'drop'; readonly stream: number };

/** A stream as it is found; `newest` is the content of its last value, null when it has none. */
export interface FoundStream {
  readonly stream: number;
  readonly head: Uint8Array;
  readonly lastFirst: number;
  readonly newest: Uint8Array | null;
}

export interface Found {
  readonly streams: readonly FoundStream[];
  /** The greatest number of a stream of which anything is left. */
  readonly lastNumber: number;
}

/** Content of one value: entries from revision `first` on. */
export interface FoundRecord {
  readonly first: number;
  readonly content: Uint8Array;
}

/** Values of a dropped stream are removed this many at a time, so that appends get in between. */
const SWEEP = 500;
/** Bytes of values read at a time. */
const PAGE = 512 * 1024;
/** What a transaction may write beside its values: copies of the pages above them, and lists of free pages. */
const OVERHEAD = 128 * 1024;
const OVERHEAD_PER_WRITE = 24 * 1024;

/**
 * The log's databases, written by transactions that have reached the disk when they return. It waits for the
 * disk, so it belongs to a thread of its own. Everything is as if it had never been asked when it throws.
 */
export class LmdbStore {
  private environment!: RootDatabase;
  /** Stream to name and header. */
  private streams!: Database<Buffer, Buffer>;
  /** Stream and revision to entries from that one on. */
  private records!: Database<Buffer, Buffer>;
  private readonly room: Room;
  private readonly dropped: number[] = [];
  /** Transactions so far. */
  private count: number;

  /**
   * @param format of what is there, from `examine`; null for a new file
   * @param relaxed whether the root of a transaction may reach the disk after its announcement
   */
  constructor(
    private readonly path: string,
    directory: string,
    format: number | null,
    private readonly relaxed: boolean,
  ) {
    this.openEnvironment();
    this.room = new Room(path);
    this.room.reserve(OVERHEAD);
    if (format === null) this.transaction(() => void this.environment.put(FORMAT_KEY, FORMAT));
    this.openDatabases();
    if (format === 1) {
      this.room.reserve(2 * this.room.used() + OVERHEAD);
      upgradeFrom1(this.environment, this.streams, this.records, directory);
    }
    this.count = this.readCount();
  }

  load(): Found {
    const found: FoundStream[] = [];
    for (const { key, value } of this.streams.getRange()) {
      const stream = key.readUInt32BE();
      const [newest] = this.records.getRange({
        start: revisionKey(stream, Number.MAX_SAFE_INTEGER),
        end: revisionKey(stream, 0),
        reverse: true,
        limit: 1,
      });
      found.push({
        stream,
        head: copyOf(unseal(key, value)),
        lastFirst: newest === undefined ? 0 : revisionOf(newest.key).revision,
        newest: newest === undefined ? null : copyOf(unseal(newest.key, newest.value)),
      });
    }
    const numbers = found.map(({ stream }) => stream);
    this.findDropped(numbers);
    return { streams: found, lastNumber: Math.max(0, ...numbers, ...this.dropped) };
  }

  commit(writes: readonly PackedWrite[]): void {
    const values = writes.reduce((sum, write) => sum + ('value' in write ? write.value.byteLength : 0), 0);
    this.room.reserve(2 * values + writes.length * OVERHEAD_PER_WRITE + OVERHEAD);
    const count = this.count + 1;
    try {
      this.transaction(() => {
        this.putCount(count);
        for (const write of writes) this.write(write);
      });
    } catch (cause) {
      if (!this.isThere(count)) throw cause;
    }
    this.count = count;
    for (const write of writes) if (write.kind === 'drop') this.dropped.push(write.stream);
  }

  /** Values with entries from a revision on: at least one, while there are any. */
  read(stream: number, from: number): FoundRecord[] {
    const [holder] = this.records.getKeys({
      start: revisionKey(stream, from),
      end: revisionKey(stream, 0),
      reverse: true,
      limit: 1,
    });
    if (holder === undefined) return [];
    const found: FoundRecord[] = [];
    let bytes = 0;
    for (const { key, value } of this.records.getRange({ start: holder, end: streamKey(stream + 1) })) {
      found.push({ first: revisionOf(key).revision, content: copyOf(unseal(key, value)) });
      bytes += value.byteLength;
      if (bytes >= PAGE) break;
    }
    return found;
  }

  /** Removes a little of what dropped streams left; false when nothing is left. */
  sweep(): boolean {
    const [stream] = this.dropped;
    if (stream === undefined) return false;
    const keys = [
      ...this.records.getKeys({ start: streamKey(stream), end: streamKey(stream + 1), limit: SWEEP }),
    ];
    this.room.reserve(keys.length * OVERHEAD_PER_WRITE + OVERHEAD);
    try {
      this.transaction(() => {
        for (const key of keys) void this.records.remove(key);
      });
    } catch (cause) {
      this.reopen();
      throw cause;
    }
    if (keys.length < SWEEP) this.dropped.shift();
    return true;
  }

  close(): void {
    this.closeEnvironment();
    this.room.close();
  }

  private write(write: PackedWrite): void {
    switch (write.kind) {
      case 'create': {
        const key = streamKey(write.stream);
        void this.streams.put(key, seal(key, write.value));
        break;
      }
      case 'append': {
        const key = revisionKey(write.stream, write.first);
        void this.records.put(key, seal(key, write.value));
        break;
      }
      case 'drop':
        void this.streams.remove(streamKey(write.stream));
        break;
    }
  }

  /** What a server left that ended between dropping a stream and removing its values. */
  private findDropped(streams: readonly number[]): void {
    const known = new Set(streams);
    let from = streamKey(0);
    for (;;) {
      const [key] = this.records.getKeys({ start: from, limit: 1 });
      if (key === undefined) return;
      const { stream } = revisionOf(key);
      if (!known.has(stream)) this.dropped.push(stream);
      from = streamKey(stream + 1);
    }
  }

  /**
   * Whether a transaction that failed is stored all the same, as when only the sync of its root failed: then it is
   * synced once more. LMDB does not go on after some errors, so it is opened anew first.
   */
  private isThere(count: number): boolean {
    try {
      this.reopen();
      if (this.readCount() !== count) return false;
      this.transaction(() => this.putCount(count));
      return true;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new LogError('LOST', `What the command log holds is known only after a restart: ${reason}.`, {
        cause,
      });
    }
  }

  private readCount(): number {
    return (this.environment.get(COUNT_KEY) as number | undefined) ?? 0;
  }

  /** Beside the roots of the databases, whose page every transaction writes anyway. */
  private putCount(count: number): void {
    void this.environment.put(COUNT_KEY, count);
  }

  /** The work returns nothing: a promise would leave the transaction open. */
  private transaction(work: () => void): void {
    this.environment.transactionSync(() => {
      work();
    });
  }

  private reopen(): void {
    this.closeEnvironment();
    this.openEnvironment();
    this.openDatabases();
  }

  private openEnvironment(): void {
    // Not overlapping: a transaction returns when it has been synced.
    this.environment = open({ path: this.path, overlappingSync: false, noMetaSync: this.relaxed });
  }

  private openDatabases(): void {
    const options = { encoding: 'binary', keyEncoding: 'binary' } as const;
    this.streams = this.environment.openDB('streams', options);
    this.records = this.environment.openDB('records', options);
  }

  private closeEnvironment(): void {
    // Without writes under way it is closed when this returns.
    void this.environment.close();
  }
}

function copyOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}
