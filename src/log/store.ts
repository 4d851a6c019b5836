/** A change to what is stored. Streams are known by number, so that a name can be used again. */
export type Write =
  | { readonly kind: 'create'; readonly stream: number; readonly name: string; readonly header: Uint8Array }
  | {
      readonly kind: 'append';
      readonly stream: number;
      readonly revision: number;
      readonly entry: Uint8Array;
    }
  | { readonly kind: 'drop'; readonly stream: number };

/** A stream found when the store was opened. */
export interface StoredStream {
  readonly stream: number;
  readonly name: string;
  readonly header: Uint8Array;
  readonly lastRevision: number;
}

/** What a store holds when it is opened. */
export interface Stored {
  readonly streams: readonly StoredStream[];
  /** The greatest number any stream has or had of which something is left; 0 when there is none. */
  readonly lastNumber: number;
}

/** Bytes of one entry. */
export interface StoredEntry {
  readonly revision: number;
  readonly entry: Uint8Array;
}

/** Some pieces of a snapshot; parts are numbered from 0. */
export interface SnapshotPart {
  readonly stream: number;
  readonly revision: number;
  readonly index: number;
  readonly pieces: readonly Uint8Array[];
}

/** Marks a snapshot as whole; without a head it is given up, and what there is of it is removed. */
export interface SnapshotEnd {
  readonly stream: number;
  readonly revision: number;
  readonly head: Uint8Array | null;
  /** Revisions of others that stay whole. */
  readonly beside: readonly number[];
}

/** What differs between a log in memory and one on a disk; the rules are in `StreamLog`. */
export interface Store {
  /** What there is; called once, first. */
  load(): Promise<Stored>;
  /**
   * Makes all of these durable, or none; one call at a time. When it rejects, none of them is there and the store
   * can be used as before; a store that cannot tell rejects with the LogError `LOST`.
   */
  commit(writes: readonly Write[]): Promise<void>;
  /** Some entries from a revision on, in order: at least one, unless there is none. */
  read(stream: number, from: number): Promise<readonly StoredEntry[]>;
  /** Makes a part durable, apart from commits; rejects, with the store as before, when there is no such stream. */
  putSnapshotPart(part: SnapshotPart): Promise<void>;
  /** When one was made whole, those that are not to stay beside it go. */
  endSnapshot(end: SnapshotEnd): Promise<void>;
  /** Revisions of the whole snapshots of a stream, in order. */
  snapshots(stream: number): Promise<readonly number[]>;
  /** Head of one of them; rejects when it is missing or damaged. */
  snapshotHead(stream: number, revision: number): Promise<Uint8Array>;
  /** Pieces of one part; rejects when it is missing or damaged. */
  snapshotPart(stream: number, revision: number, index: number): Promise<readonly Uint8Array[]>;
  close(): Promise<void>;
}
