import { open, type Database, type RootDatabase } from 'lmdb';
import { LogError } from '../log-error.js';
import { COUNT_KEY, FORMAT, FORMAT_KEY, upgradeFrom1 } from './format.js';
import { Room } from './room.js';
import { SnapshotTable } from './snapshot-table.js';

/** What a transaction may write beside its values: copies of the pages above them, and lists of free pages. */
const OVERHEAD = 128 * 1024;

/** The databases of a log, written by transactions that have reached the disk when they return. */
export class Environment {
  /** Stream to name and header. */
  streams!: Database<Buffer, Buffer>;
  /** Stream and revision to entries from that one on. */
  records!: Database<Buffer, Buffer>;
  snapshots!: SnapshotTable;
  private root!: RootDatabase;
  private readonly room: Room;

  /** @param format of what is there, from `examine`; null for a new file */
  constructor(
    private readonly path: string,
    directory: string,
    format: number | null,
  ) {
    this.openRoot();
    this.room = new Room(path);
    this.room.reserve(OVERHEAD);
    if (format === null) this.run(() => void this.root.put(FORMAT_KEY, FORMAT));
    this.openDatabases();
    if (format === 1) {
      this.room.reserve(2 * this.room.used() + OVERHEAD);
      upgradeFrom1(this.root, this.streams, this.records, directory);
    }
  }

  /**
   * To be called when nothing is left in `ahead.log`, whose records format 5 changed. Otherwise format 2 only had no
   * snapshots, and format 3 no such file.
   */
  putFormat(): void {
    this.transaction(0, 0, () => void this.root.put(FORMAT_KEY, FORMAT));
  }

  /** Number of the last commit that is here. */
  readCount(): number {
    return (this.root.get(COUNT_KEY) as number | undefined) ?? 0;
  }

  /** Beside the roots of the databases, whose page every transaction writes anyway. To be called in a transaction. */
  putCount(count: number): void {
    void this.root.put(COUNT_KEY, count);
  }

  /**
   * A transaction; when it throws, everything is as before.
   *
   * @param bytes it may write, beside some overhead
   * @param beyond bytes of the disk that are left to others
   */
  transaction(bytes: number, beyond: number, work: () => void): void {
    this.room.reserve(bytes + OVERHEAD, beyond);
    try {
      this.run(work);
    } catch (cause) {
      this.reopen();
      throw cause;
    }
  }

  close(): void {
    this.closeRoot();
    this.room.close();
  }

  /** The work returns nothing: a promise would leave the transaction open. */
  private run(work: () => void): void {
    this.root.transactionSync(() => {
      work();
    });
  }

  /** LMDB does not go on after some errors. */
  private reopen(): void {
    try {
      this.closeRoot();
      this.openRoot();
      this.openDatabases();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new LogError('LOST', `What the command log holds is known only after a restart: ${reason}.`, {
        cause,
      });
    }
  }

  private openRoot(): void {
    // Not overlapping: a transaction returns when it has been synced.
    this.root = open({ path: this.path, overlappingSync: false });
  }

  private openDatabases(): void {
    const options = { encoding: 'binary', keyEncoding: 'binary' } as const;
    this.streams = this.root.openDB('streams', options);
    this.records = this.root.openDB('records', options);
    this.snapshots = new SnapshotTable(this.root.openDB('snapshots', options));
  }

  private closeRoot(): void {
    // Without writes under way it is closed when this returns.
    void this.root.close();
  }
}
