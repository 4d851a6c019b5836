/** One stream of the log as it stands. */
export interface StreamHead {
  readonly name: string;
  /** What the stream was created with; plain data. */
  readonly header: unknown;
  /** Revision of the newest durable entry; 0 while there is none. */
  readonly lastRevision: number;
}

/** One durable entry. */
export interface LogEntry {
  readonly revision: number;
  readonly entry: unknown;
}

/** What the entries of a stream came to, in the words of whoever saved it: a shortcut, never the truth. */
export interface Snapshot {
  /** The last entry it covers. */
  readonly revision: number;
  /** Given by the saver, to know whether it can read the rest. */
  readonly label: string;
  /** In order. Reading them ends with an error when they are not what was saved. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

/**
 * Where commands are kept: named streams of numbered entries, each durable before it is acknowledged.
 *
 * The log does not know what an entry means. Headers and entries are plain data: null, booleans, numbers,
 * well-formed strings, Uint8Arrays, arrays and objects of these. They are copied in and copied out.
 */
export interface CommandLog {
  /** Every stream, in order of name. */
  streams(): Promise<readonly StreamHead[]>;

  /** Begins an empty stream; resolves when it is durable. A taken name is refused with `STREAM_EXISTS`. */
  create(stream: string, header: unknown): Promise<void>;

  /**
   * Adds the entry of the given revision; resolves when it is durable.
   *
   * Revisions begin at 1 and are consecutive in the order of the calls, whether or not an earlier call has
   * resolved; any other is refused with `WRONG_REVISION`. Calls made while a commit is under way are
   * committed together by the next one.
   */
  append(stream: string, revision: number, entry: unknown): Promise<void>;

  /** The entries that are durable now, from a revision on, in order. */
  read(stream: string, fromRevision: number): AsyncIterable<LogEntry>;

  /** Forgets a stream and its entries; resolves when that is durable. The name is then free again. */
  drop(stream: string): Promise<void>;

  /**
   * Keeps a snapshot in the place of others, once it is there as a whole; resolves when it is durable. It is
   * written piece by piece between commits, one at a time, and gives way when the disk is nearly full: that it could
   * not be written is nobody else's failure.
   *
   * @param beside revisions whose snapshots stay
   */
  saveSnapshot(
    stream: string,
    revision: number,
    label: string,
    pieces: AsyncIterable<Uint8Array>,
    beside?: readonly number[],
  ): Promise<void>;

  /** Revisions of the snapshots that were saved as a whole, in order. */
  snapshots(stream: string): Promise<readonly number[]>;

  /** The snapshot of a revision, of the newest when none is given; null when there is none. */
  snapshot(stream: string, revision?: number): Promise<Snapshot | null>;

  /** Makes durable what was accepted, then lets go of the store. Later calls are refused with `CLOSED`. */
  close(): Promise<void>;
}
