import { LogError } from '../log-error.js';
import { AHEAD_4 } from './ahead-format-4.js';
import { AHEAD, type AheadFormat, findAhead, type FoundAhead } from './ahead-found.js';
import { knownRecordAt, recordsOf } from './ahead-record.js';
import { type AheadWrite, readWrites } from './ahead-writes.js';
import { Damage } from './damage.js';
import { Environment } from './environment.js';
import { FORMAT } from './format.js';
import { merged } from './merged.js';
import type { WorkerStart } from './messages.js';
import type { Found, FoundRecord, FoundStream, PackedPart, PackedWrite } from './packed.js';
import { revisionKey, revisionOf, seal, streamKey, unseal } from './records.js';

/** Parts of old snapshots, large ones, are removed this many at a time. */
const SWEEP_PARTS = 16;
/** What snapshots leave on a disk that fills up: appends go on as if none had been tried. */
const LEFT_TO_APPENDS = 16 * 1024 * 1024;
/** Values of a dropped stream are removed this many at a time, so that appends get in between. */
const SWEEP = 500;
/** Bytes of values read at a time. */
const PAGE = 512 * 1024;
/** What a write makes a transaction write beside its value. */
const OVERHEAD_PER_WRITE = 24 * 1024;

/**
 * The log's databases, and the commits they are about to take. It waits for the disk, so it belongs to a thread of its
 * own. Everything is as if it had never been asked when it throws.
 */
export class LmdbStore {
  private readonly environment: Environment;
  /** Writes of commits that are durable and not in the databases. */
  private pending: AheadWrite[];
  /** Number of the last of them. */
  private count: number;
  /** Streams of which snapshots may be left that are not wanted any more. */
  private readonly stale = new Set<number>();
  private readonly dropped: number[] = [];

  /** @param format of what is there, from `examine`; null for a new file */
  constructor({ path, aheadPath, directory }: WorkerStart, format: number | null) {
    if (format === null) proveNone(aheadPath, directory);
    this.environment = new Environment(path, directory, format);
    const ahead = format === null || format === FORMAT ? AHEAD : AHEAD_4;
    const found = foundAhead(aheadPath, this.environment.readCount(), directory, ahead);
    this.pending = found.writes;
    this.count = found.last;
    // All of them: the file begins anew, and what it gets must not stand behind commits of which the database has later ones.
    this.settle();
    if (format !== null && format !== FORMAT) this.environment.putFormat();
  }

  load(): Found {
    const found: FoundStream[] = [];
    for (const { key, value } of this.environment.streams.getRange()) {
      const stream = key.readUInt32BE();
      const [newest] = this.environment.records.getRange({
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
    for (const stream of this.environment.snapshots.streams()) this.stale.add(stream);
    const lastNumber = Math.max(0, ...numbers, ...this.dropped, ...this.stale);
    return { streams: found, lastNumber, count: this.count };
  }

  /** Takes commits that were made durable; a failure of what is asked of them later loses none. */
  take(bytes: Uint8Array): void {
    const records = recordsOf(bytes);
    const from = this.pending.length;
    for (let at = 0; at < bytes.byteLength;) {
      const record = knownRecordAt(records, at);
      readWrites(records, record, this.pending);
      this.count = record.number;
      at = record.end;
    }
    for (const { kind, stream } of this.pending.slice(from)) {
      if (kind !== 'drop') continue;
      this.dropped.push(stream);
      this.stale.add(stream);
    }
  }

  /** Puts into the databases what was written ahead of them; to be done before anything of it is looked for. */
  settle(): void {
    if (this.pending.length === 0) return;
    const writes = merged(this.pending);
    const values = writes.reduce((sum, write) => sum + ('value' in write ? write.value.byteLength : 0), 0);
    const put = () => {
      this.environment.putCount(this.count);
      for (const write of writes) this.write(write);
    };
    try {
      this.environment.transaction(2 * values + writes.length * OVERHEAD_PER_WRITE, 0, put);
    } catch (cause) {
      if (!this.isThere()) throw cause;
    }
    this.pending = [];
  }

  /** Whether a transaction that failed is stored all the same, as when only the sync of its root failed: then it is synced once more. */
  private isThere(): boolean {
    if (this.environment.readCount() !== this.count) return false;
    this.environment.transaction(0, 0, () => this.environment.putCount(this.count));
    return true;
  }

  /** Stores a part of a snapshot, or its end. */
  putPart({ stream, revision, index, value, beside }: PackedPart): void {
    this.settle();
    // What is being written must not be swept.
    this.stale.delete(stream);
    try {
      if (value === null) return;
      if (!this.isStream(stream)) throw new LogError('NO_SUCH_STREAM', 'The stream was dropped.');
      const { snapshots } = this.environment;
      this.environment.transaction(2 * value.byteLength + OVERHEAD_PER_WRITE, LEFT_TO_APPENDS, () => {
        snapshots.put(stream, revision, index, value);
        if (index === null) snapshots.keepWhole(stream, [...beside, revision]);
      });
    } finally {
      if (index === null || !this.isStream(stream)) this.stale.add(stream);
    }
  }

  snapshots(stream: number): number[] {
    return this.environment.snapshots.whole(stream);
  }

  snapshotHead(stream: number, revision: number): Uint8Array {
    return this.environment.snapshots.content(stream, revision, null);
  }

  snapshotPart(stream: number, revision: number, index: number): Uint8Array {
    return this.environment.snapshots.content(stream, revision, index);
  }

  /** Values with entries from a revision on: at least one, while there are any. */
  read(stream: number, from: number): FoundRecord[] {
    this.settle();
    const [holder] = this.environment.records.getKeys({
      start: revisionKey(stream, from),
      end: revisionKey(stream, 0),
      reverse: true,
      limit: 1,
    });
    if (holder === undefined) return [];
    const found: FoundRecord[] = [];
    let bytes = 0;
    for (const { key, value } of this.environment.records.getRange({
      start: holder,
      end: streamKey(stream + 1),
    })) {
      found.push({ first: revisionOf(key).revision, content: copyOf(unseal(key, value)) });
      bytes += value.byteLength;
      if (bytes >= PAGE) break;
    }
    return found;
  }

  /** Whether there is anything to sweep. */
  get hasLeftovers(): boolean {
    return this.dropped.length > 0 || this.stale.size > 0;
  }

  /** Removes a little of what dropped streams and older snapshots left; false when nothing is left. */
  sweep(): boolean {
    if (!this.hasLeftovers) return false;
    this.settle();
    return this.sweepDropped() || this.sweepSnapshots();
  }

  private sweepDropped(): boolean {
    const [stream] = this.dropped;
    if (stream === undefined) return false;
    const keys = [
      ...this.environment.records.getKeys({
        start: streamKey(stream),
        end: streamKey(stream + 1),
        limit: SWEEP,
      }),
    ];
    this.environment.transaction(keys.length * OVERHEAD_PER_WRITE, 0, () => {
      for (const key of keys) void this.environment.records.remove(key);
    });
    if (keys.length < SWEEP) this.dropped.shift();
    return true;
  }

  private sweepSnapshots(): boolean {
    const [stream] = this.stale;
    if (stream === undefined) return false;
    const kept = this.isStream(stream) ? this.environment.snapshots.whole(stream) : [];
    const keys = this.environment.snapshots.keysBut(stream, kept, SWEEP_PARTS);
    this.environment.transaction(keys.length * OVERHEAD_PER_WRITE, 0, () => {
      for (const key of keys) this.environment.snapshots.remove(key);
    });
    if (keys.length < SWEEP_PARTS) this.stale.delete(stream);
    return true;
  }

  private isStream(stream: number): boolean {
    return this.environment.streams.get(streamKey(stream)) !== undefined;
  }

  close(): void {
    try {
      this.settle();
    } catch {
      // It is on the disk; the next start puts it where it belongs.
    }
    this.environment.close();
  }

  private write(write: PackedWrite): void {
    switch (write.kind) {
      case 'create': {
        const key = streamKey(write.stream);
        void this.environment.streams.put(key, seal(key, write.value));
        break;
      }
      case 'append': {
        const key = revisionKey(write.stream, write.first);
        void this.environment.records.put(key, seal(key, write.value));
        break;
      }
      case 'drop':
        void this.environment.streams.remove(streamKey(write.stream));
        break;
    }
  }

  /** What a server left that ended between dropping a stream and removing its values. */
  private findDropped(streams: readonly number[]): void {
    const known = new Set(streams);
    let from = streamKey(0);
    for (;;) {
      const [key] = this.environment.records.getKeys({ start: from, limit: 1 });
      if (key === undefined) return;
      const { stream } = revisionOf(key);
      if (!known.has(stream)) this.dropped.push(stream);
      from = streamKey(stream + 1);
    }
  }
}

/** A new log would begin over what is in the file, or not see it. */
function proveNone(path: string, directory: string): void {
  for (const format of [AHEAD, AHEAD_4]) {
    if (foundAhead(path, 0, directory, format).last > 0)
      throw damaged(directory, new Damage('log.mdb is missing beside ahead.log'));
  }
}

function foundAhead(path: string, stored: number, directory: string, format: AheadFormat): FoundAhead {
  try {
    return findAhead(path, stored, format);
  } catch (cause) {
    throw cause instanceof Damage ? damaged(directory, cause) : cause;
  }
}

function damaged(directory: string, cause: Damage): LogError {
  const message = `The command log in ${directory} is damaged (${cause.message}); nothing of it was changed.`;
  return new LogError('UNUSABLE', message, { cause });
}

function copyOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}
