import { pathToFileURL } from 'node:url';
import { built } from '../built.js';

/** Stands in for `src/log/lmdb/worker-file.ts` in tests: a thread cannot run sources. */
export const WORKER_FILE = pathToFileURL(built('log/lmdb/worker.js'));
