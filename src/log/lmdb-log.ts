import { join } from 'node:path';
import { AHEAD_FILE, LOG_FILE, prepareDataDirectory } from './data-directory.js';
import { lockDirectory } from './directory-lock.js';
import { WorkerStore } from './lmdb/worker-store.js';
import { LogError } from './log-error.js';
import type { CommandLog } from './port.js';
import { StreamLog } from './stream-log.js';

/**
 * What "durable" means: `full` outlives a power cut; `relaxed` outlives the process, and a power cut may take back
 * the last commits, as if they had never been asked for: the revisions, event numbers and idempotency keys of what was
 * acknowledged in them are then those of what comes next.
 */
export type Sync = 'full' | 'relaxed';

export interface LmdbOptions {
  /** `full` when left out. */
  readonly sync?: Sync;
  /** Told when nothing is accepted any more because what the disk holds is not known; the process should then end. */
  readonly lost?: (reason: LogError) => void;
}

/**
 * A log in a directory, made when it is missing.
 *
 * @throws LogError `UNUSABLE`, one sentence: not writable, not ours, of a newer format, damaged, in use
 */
export async function openLmdbLog(
  path: string,
  { sync = 'full', lost = () => undefined }: LmdbOptions = {},
): Promise<CommandLog> {
  const directory = prepareDataDirectory(path);
  const unlock = lockDirectory(directory);
  const start = {
    path: join(directory, LOG_FILE),
    aheadPath: join(directory, AHEAD_FILE),
    directory,
    relaxed: sync === 'relaxed',
  };
  const store = new WorkerStore(start, unlock, lost);
  try {
    return await StreamLog.open(store);
  } catch (cause) {
    await store.abandon();
    if (cause instanceof LogError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LogError('UNUSABLE', `The command log in ${directory} cannot be opened (${reason}).`, {
      cause,
    });
  }
}
