import { open, type Database, type RootDatabase } from 'lmdb';
import { LogError } from '../log-error.js';
import type { Found, FoundRecord, FoundStream, PackedPart, PackedWrite } from './packed.js';
import { COUNT_KEY, FORMAT, FORMAT_KEY, upgradeFrom1 } from './format.js';
import { revisionKey, revisionOf, seal, streamKey, unseal } from './records.js';
import { Room } from './room.js';
import { SnapshotTable } from './snapshot-table.js';

/** Parts of old snapshots, large ones, are removed this many at a time. */
const SWEEP_PARTS = 16;
/** What snapshots leave on a disk that fills up: appends go on as if none had been tried. */
const LEFT_TO_APPENDS = 16 * 1024 * 1024;
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
  private snapshots!: SnapshotTable;
  private readonly room: Room;
  /** Streams of which snapshots may be left that are not wanted any more. */
  private readonly stale = new Set<number>();
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
    // Format 2 had no snapshots, and is the same otherwise.
    if (format === 2) this.transaction(() => void this.environment.put(FORMAT_KEY, FORMAT));
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
    for (const stream of this.snapshots.streams()) this.stale.add(stream);
    return { streams: found, lastNumber: Math.max(0, ...numbers, ...this.dropped, ...this.stale) };
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
    for (const write of writes) {
      if (write.kind !== 'drop') continue;
      this.dropped.push(write.stream);
      this.stale.add(write.stream);
    }
  }

  /** Stores a part of a snapshot, or its end. */
  putPart({ stream, revision, index, value }: PackedPart): void {
    // What is being written must not be swept.
    this.stale.delete(stream);
    try {
      if (value === null) return;
      if (!this.isStream(stream)) throw new LogError('NO_SUCH_STREAM', 'The stream was dropped.');
      this.aside(2 * value.byteLength + OVERHEAD_PER_WRITE, LEFT_TO_APPENDS, () =>
        this.snapshots.put(stream, revision, index, value),
      );
    } finally {
      if (index === null || !this.isStream(stream)) this.stale.add(stream);
    }
  }

  /** Revision and head of the newest whole snapshot of a stream. */
  snapshotHead(stream: number): { revision: number; head: Uint8Array } | null {
    const revision = this.snapshots.newest(stream);
    return revision === null ? null : { revision, head: this.snapshots.content(stream, revision, null) };
  }

  snapshotPart(stream: number, revision: number, index: number): Uint8Array {
    return this.snapshots.content(stream, revision, index);
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

  /** Removes a little of what dropped streams and older snapshots left; false when nothing is left. */
  sweep(): boolean {
    return this.sweepDropped() || this.sweepSnapshots();
  }

  private sweepDropped(): boolean {
    const [stream] = this.dropped;
    if (stream === undefined) return false;
    const keys = [
      ...this.records.getKeys({ start: streamKey(stream), end: streamKey(stream + 1), limit: SWEEP }),
    ];
    this.aside(keys.length * OVERHEAD_PER_WRITE, 0, () => {
      for (const key of keys) void this.records.remove(key);
    });
    if (keys.length < SWEEP) this.dropped.shift();
    return true;
  }

  private sweepSnapshots(): boolean {
    const [stream] = this.stale;
    if (stream === undefined) return false;
    const kept = this.isStream(stream) ? this.snapshots.newest(stream) : null;
    const keys = this.snapshots.keysBut(stream, kept, SWEEP_PARTS);
    this.aside(keys.length * OVERHEAD_PER_WRITE, 0, () => {
      for (const key of keys) this.snapshots.remove(key);
    });
    if (keys.length < SWEEP_PARTS) this.stale.delete(stream);
    return true;
  }

  private isStream(stream: number): boolean {
    return this.streams.get(streamKey(stream)) !== undefined;
  }

  /** A transaction that is nobody's commit: when it fails, everything is as before. */
  private aside(bytes: number, beyond: number, work: () => void): void {
    this.room.reserve(bytes + OVERHEAD, beyond);
    try {
      this.transaction(work);
    } catch (cause) {
      this.reopen();
      throw cause;
    }
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
    this.snapshots = new SnapshotTable(this.environment.openDB('snapshots', options));
  }

  private closeEnvironment(): void {
    // Without writes under way it is closed when this returns.
    void this.environment.close();
  }
}

function copyOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}
