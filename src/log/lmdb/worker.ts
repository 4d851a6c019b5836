import { parentPort, workerData } from 'node:worker_threads';
import { LogError } from '../log-error.js';
import { examine } from './format.js';
import { LmdbStore } from './lmdb-store.js';
import type { Answer, Calls, Question, WorkerStart } from './messages.js';

/*
 * The thread of the databases. Questions are answered one at a time, in order; what dropped streams and older
 * snapshots left is removed while there is none.
 */

const port = parentPort!;
let store: LmdbStore | null = null;
let sweeping = false;

const handlers: { readonly [K in keyof Calls]: (ask: Calls[K]['ask']) => Calls[K]['answer'] } = {
  load: () => {
    const start = workerData as WorkerStart;
    store = new LmdbStore(start, examine(start.path, start.directory));
    return store.load();
  },
  settle: () => {
    store!.settle();
    return null;
  },
  read: ({ stream, from }) => store!.read(stream, from),
  putPart: (part) => {
    store!.putPart(part);
    return null;
  },
  snapshots: (stream) => store!.snapshots(stream),
  snapshotHead: ({ stream, revision }) => store!.snapshotHead(stream, revision),
  snapshotPart: ({ stream, revision, index }) => store!.snapshotPart(stream, revision, index),
  close: () => {
    store!.close();
    store = null;
    return null;
  },
};

port.on('message', ({ id, kind, ask, commits }: Question) => {
  try {
    if (commits !== null) store!.take(commits);
    const handler = handlers[kind] as (ask: unknown) => unknown;
    reply({ id, answer: handler(ask) });
  } catch (cause) {
    const refusal = cause instanceof LogError ? cause.refusal : null;
    reply({ id, failure: { refusal, message: cause instanceof Error ? cause.message : String(cause) } });
  }
  if (!sweeping && store?.hasLeftovers) sweepLater();
});

function reply(answer: Answer): void {
  port.postMessage(answer);
}

function sweepLater(): void {
  sweeping = true;
  setImmediate(() => {
    sweeping = false;
    try {
      if (store !== null && store.sweep()) sweepLater();
    } catch {
      // What a sweep leaves is removed after the next question, or by the next start.
    }
  });
}
