import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { Damage } from './lmdb/damage.js';
import { checkFile } from './lmdb/file-check.js';
import { LogError } from './log-error.js';

/** Name of the lock's own environment inside the directory. */
export const LOCK_FILE = 'owner.mdb';

const heldHere = new Set<string>();

/**
 * Makes this process the only owner of a directory until the returned function is called, or the process
 * ends in whatever way.
 *
 * LMDB marks each reading process with a byte-range lock, which the operating system takes back when the
 * process dies; a pid in a file would survive a kill, and mean somebody else in another container. So the
 * lock is a read transaction, never ended, in an environment in which nothing is ever written: in the log's
 * own it would keep old pages from being used again.
 */
export function lockDirectory(directory: string): () => Promise<void> {
  if (heldHere.has(directory)) throw inUse(directory);
  refuseDamaged(join(directory, LOCK_FILE));
  const environment = open({ path: join(directory, LOCK_FILE), overlappingSync: false });
  try {
    const transaction = environment.useReadTransaction();
    // Transactions are begun on first use.
    environment.get('owner', { transaction });
    environment.readerCheck();
    const owners = readerPids(environment.readerList());
    if (owners.some((pid) => pid !== process.pid)) {
      transaction.done();
      throw inUse(directory);
    }
    heldHere.add(directory);
    return async () => {
      transaction.done();
      await environment.close();
      heldHere.delete(directory);
    };
  } catch (cause) {
    void environment.close();
    if (cause instanceof LogError) throw cause;
    // Two processes of one pid, each in its own container: LMDB itself refuses the second reader.
    throw inUse(directory, cause);
  }
}

function refuseDamaged(path: string): void {
  if (!existsSync(path) || statSync(path).size === 0) return;
  try {
    checkFile(path, { root: () => undefined, entry: () => undefined });
  } catch (cause) {
    if (!(cause instanceof Damage)) throw cause;
    const remedy = 'it holds nothing and can be removed while no server runs';
    throw new LogError('UNUSABLE', `The lock ${path} is damaged (${cause.message}); ${remedy}.`, { cause });
  }
}

/** The list is a heading and one line a reader: pid, thread, transaction. */
function readerPids(list: string): number[] {
  return list
    .split('\n')
    .map((line) => Number.parseInt(line, 10))
    .filter((pid) => !Number.isNaN(pid));
}

function inUse(directory: string, cause?: unknown): LogError {
  return new LogError('UNUSABLE', `The data directory ${directory} is in use by another server.`, { cause });
}
