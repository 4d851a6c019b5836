/** A write as the databases take it; values still lack their check sums. */
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
  /** Number of the last commit. */
  readonly count: number;
}

/** Content of one value: entries from revision `first` on. */
export interface FoundRecord {
  readonly first: number;
  readonly content: Uint8Array;
}

/** A part of a snapshot as it crosses; the index of its head is null, and so is the value of one given up. */
export interface PackedPart {
  readonly stream: number;
  readonly revision: number;
  readonly index: number | null;
  readonly value: Uint8Array | null;
  /** With a head: revisions of the others that stay whole. */
  readonly beside: readonly number[];
}
