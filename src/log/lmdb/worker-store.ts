import { Worker } from 'node:worker_threads';
import { decode, encode } from '../codec.js';
import { LogError } from '../log-error.js';
import type { SnapshotEnd, SnapshotPart, Store, Stored, StoredEntry, StoredStream, Write } from '../store.js';
import type { FoundStream, PackedWrite } from './packed.js';
import { RECORD_BYTES, RECORD_ENTRIES } from './merged.js';
import type { Answer, Calls, Question, WorkerStart } from './messages.js';
import { contentOf, countOf, packEntries, unpackEntries, unsealed } from './records.js';
import { WORKER_FILE } from './worker-file.js';

/** Bytes that are sooner copied to the other thread than handed over. */
const CHEAPLY_COPIED = 16 * 1024;

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (cause: Error) => void;
}

/** A store in a directory whose work, and whose waiting for the disk, is done by a thread of its own. */
export class WorkerStore implements Store {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private asked = 0;
  /** Why nothing can be asked any more. */
  private ended: LogError | null = null;

  /** @param lost told when the store cannot say what it holds */
  constructor(
    start: WorkerStart,
    private readonly unlock: () => Promise<void>,
    private readonly lost: (reason: LogError) => void,
  ) {
    this.worker = new Worker(WORKER_FILE, { workerData: start });
    this.worker.on('message', (answer: Answer) => this.settle(answer));
    this.worker.on('error', (cause) => this.end(cause.message));
    this.worker.on('exit', () => this.end('its thread ended'));
  }

  async load(): Promise<Stored> {
    const { streams, lastNumber } = await this.ask('load', null);
    return { streams: streams.map(streamOf), lastNumber };
  }

  async commit(writes: readonly Write[]): Promise<void> {
    const packed = packWrites(writes);
    const buffers = packed.flatMap((write) =>
      'value' in write && write.value.byteLength > CHEAPLY_COPIED ? [write.value.buffer as ArrayBuffer] : [],
    );
    try {
      await this.ask('commit', packed, buffers);
    } catch (cause) {
      if (cause instanceof LogError && cause.refusal === 'LOST') this.lost(cause);
      throw cause;
    }
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
    await this.ask('putPart', { ...place, value }, [value.buffer as ArrayBuffer]);
  }

  async endSnapshot({ head, ...place }: SnapshotEnd): Promise<void> {
    const value = head === null ? null : sealable(head);
    await this.ask('putPart', { ...place, index: null, value });
  }

  snapshotHead(stream: number): Promise<{ revision: number; head: Uint8Array } | null> {
    return this.ask('snapshotHead', stream);
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
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, kind, ask } satisfies Question<K>, transfer);
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

/** Appends to one stream that follow each other become values of many entries. */
export function packWrites(writes: readonly Write[]): PackedWrite[] {
  const packed: PackedWrite[] = [];
  let index = 0;
  while (index < writes.length) {
    const write = writes[index];
    if (write.kind !== 'append') {
      packed.push(write.kind === 'drop' ? write : packCreate(write));
      index++;
      continue;
    }
    const run = runFrom(writes, index);
    packed.push({ kind: 'append', stream: write.stream, first: write.revision, value: packEntries(run) });
    index += run.length;
  }
  return packed;
}

function packCreate({ stream, name, header }: Extract<Write, { kind: 'create' }>): PackedWrite {
  return { kind: 'create', stream, value: sealable(encode({ name, header })) };
}

function sealable(content: Uint8Array): Uint8Array {
  const value = unsealed(content.byteLength);
  contentOf(value).set(content);
  return value;
}

function runFrom(writes: readonly Write[], from: number): Uint8Array[] {
  const run: Uint8Array[] = [];
  let bytes = 0;
  for (let index = from; index < writes.length; index++) {
    const write = writes[index];
    const isNext = write.kind === 'append' && write.stream === writes[from].stream;
    if (!isNext || run.length === RECORD_ENTRIES || bytes >= RECORD_BYTES) break;
    run.push(write.entry);
    bytes += write.entry.byteLength;
  }
  return run;
}
