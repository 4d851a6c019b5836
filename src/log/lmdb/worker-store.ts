import { Worker } from 'node:worker_threads';
import { decode } from '../codec.js';
import { LogError } from '../log-error.js';
import type { SnapshotEnd, SnapshotPart, Store, Stored, StoredEntry, StoredStream, Write } from '../store.js';
import type { Answer, Calls, Question, WorkerStart } from './messages.js';
import type { FoundStream } from './packed.js';
import { countOf, packEntries, sealable, unpackEntries } from './records.js';
import { WORKER_FILE } from './worker-file.js';
import { WriteAhead } from './write-ahead.js';

/** Bytes of commits that the databases are told to take, while others are written ahead of them. */
const ENOUGH = 1024 * 1024;
/** Bytes of commits in the file before it waits for the databases to have them all, and begins anew. */
const MOST_AHEAD = 3 * 1024 * 1024;

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (cause: Error) => void;
}

/**
 * A store in a directory: commits are made durable here, ahead of the databases, and these belong to a thread of their
 * own. It is handed what is durable with whatever it is asked, so that its answers know of it.
 */
export class WorkerStore implements Store {
  private readonly worker: Worker;
  /** Once the thread has read what was there. */
  private ahead: WriteAhead | null = null;
  private readonly waiting = new Map<number, Waiting>();
  private asked = 0;
  /** Why nothing can be asked any more. */
  private ended: LogError | null = null;

  /** @param lost told when the store cannot say what it holds */
  constructor(
    private readonly start: WorkerStart,
    private readonly unlock: () => Promise<void>,
    private readonly lost: (reason: LogError) => void,
  ) {
    this.worker = new Worker(WORKER_FILE, { workerData: start });
    this.worker.on('message', (answer: Answer) => this.settle(answer));
    this.worker.on('error', (cause) => this.end(cause.message));
    this.worker.on('exit', () => this.end('its thread ended'));
  }

  async load(): Promise<Stored> {
    const { streams, lastNumber, count } = await this.ask('load', null);
    this.ahead = new WriteAhead(this.start.aheadPath, count, this.start.relaxed);
    return { streams: streams.map(streamOf), lastNumber };
  }

  async commit(writes: readonly Write[]): Promise<void> {
    const ahead = this.ahead!;
    try {
      if (this.ended !== null) throw this.ended;
      if (ahead.bytes >= MOST_AHEAD) {
        await this.ask('settle', null);
        ahead.clear();
      }
      await ahead.append(writes);
    } catch (cause) {
      if (cause instanceof LogError && cause.refusal === 'LOST') this.lost(cause);
      throw cause;
    }
    // What a dropped stream leaves is removed once the databases know. Where they cannot take it, it is told when they must.
    if (ahead.untaken >= ENOUGH || writes.some(({ kind }) => kind === 'drop'))
      this.ask('settle', null).catch(() => undefined);
  }

  async read(stream: number, from: number): Promise<readonly StoredEntry[]> {
    const entries: StoredEntry[] = [];
    for (const { first, content } of await this.ask('read', { stream, from })) {
      unpackEntries(content).forEach((entry, index) => {
        if (first + index >= from) entries.push({ revision: first + index, entry });
      });
    }
    return entries;
  }

  async putSnapshotPart({ pieces, ...place }: SnapshotPart): Promise<void> {
    const value = packEntries(pieces);
    await this.ask('putPart', { ...place, value, beside: [] }, [value.buffer as ArrayBuffer]);
  }

  async endSnapshot({ head, ...place }: SnapshotEnd): Promise<void> {
    const value = head === null ? null : sealable(head);
    await this.ask('putPart', { ...place, index: null, value });
  }

  snapshots(stream: number): Promise<readonly number[]> {
    return this.ask('snapshots', stream);
  }

  snapshotHead(stream: number, revision: number): Promise<Uint8Array> {
    return this.ask('snapshotHead', { stream, revision });
  }

  async snapshotPart(stream: number, revision: number, index: number): Promise<readonly Uint8Array[]> {
    return unpackEntries(await this.ask('snapshotPart', { stream, revision, index }));
  }

  async close(): Promise<void> {
    try {
      await this.ask('close', null);
    } finally {
      await this.abandon();
    }
  }

  /** Ends the thread whatever it does, and lets go of the directory. */
  async abandon(): Promise<void> {
    this.ended = new LogError('CLOSED', 'The command log is closed.');
    await this.worker.terminate();
    this.ahead?.close();
    await this.unlock();
  }

  private ask<K extends keyof Calls>(
    kind: K,
    ask: Calls[K]['ask'],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Calls[K]['answer']> {
    if (this.ended !== null) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      const id = ++this.asked;
      const commits = this.ahead?.take() ?? null;
      this.waiting.set(id, { resolve, reject });
      const handedOver = commits === null ? transfer : [...transfer, commits.buffer];
      this.worker.postMessage({ id, kind, ask, commits } satisfies Question<K>, handedOver);
    });
  }

  private settle(answer: Answer): void {
    const waiting = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if ('answer' in answer) waiting?.resolve(answer.answer as never);
    else waiting?.reject(errorOf(answer.failure));
  }

  private end(reason: string): void {
    this.ended ??= new LogError('LOST', `The command log cannot be reached any more: ${reason}.`);
    for (const { reject } of this.waiting.values()) reject(this.ended);
    this.waiting.clear();
  }
}

function streamOf({ stream, head, lastFirst, newest }: FoundStream): StoredStream {
  const { name, header } = decode(head) as { name: string; header: Uint8Array };
  const lastRevision = newest === null ? 0 : lastFirst + countOf(newest) - 1;
  return { stream, name, header, lastRevision };
}

function errorOf({ refusal, message }: Extract<Answer, { failure: unknown }>['failure']): Error {
  return refusal === null ? new Error(message) : new LogError(refusal, message);
}
