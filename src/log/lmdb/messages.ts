import type { LogRefusal } from '../log-error.js';
import type { Found, FoundRecord, PackedPart } from './packed.js';

/** What the thread is started with. */
export interface WorkerStart {
  readonly path: string;
  readonly aheadPath: string;
  /** For messages to people. */
  readonly directory: string;
  readonly relaxed: boolean;
}

/** What the thread can be asked, and what it answers. */
export interface Calls {
  load: { readonly ask: null; readonly answer: Found };
  settle: { readonly ask: null; readonly answer: null };
  read: {
    readonly ask: { readonly stream: number; readonly from: number };
    readonly answer: readonly FoundRecord[];
  };
  putPart: { readonly ask: PackedPart; readonly answer: null };
  snapshots: { readonly ask: number; readonly answer: readonly number[] };
  snapshotHead: {
    readonly ask: { readonly stream: number; readonly revision: number };
    readonly answer: Uint8Array;
  };
  snapshotPart: {
    readonly ask: { readonly stream: number; readonly revision: number; readonly index: number };
    readonly answer: Uint8Array;
  };
  close: { readonly ask: null; readonly answer: null };
}

export interface Question<K extends keyof Calls = keyof Calls> {
  readonly id: number;
  readonly kind: K;
  readonly ask: Calls[K]['ask'];
  /** Records of commits that were made durable since the question before; see `ahead-record.ts`. */
  readonly commits: Uint8Array | null;
}

/** Errors lose their class between threads. */
export interface Failure {
  readonly refusal: LogRefusal | null;
  readonly message: string;
}

export type Answer =
  { readonly id: number; readonly answer: unknown } | { readonly id: number; readonly failure: Failure };
