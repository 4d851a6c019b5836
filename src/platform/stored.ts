import { LogError, type LogRefusal } from '../log/log-error.js';
import type { CommandLog } from '../log/port.js';
import { NotStoredError } from './errors.js';

/** A revision is wrong for a command that was accepted behind one that then could not be stored. */
const NOT_STORED: readonly LogRefusal[] = ['FAILED', 'LOST', 'CLOSED', 'WRONG_REVISION'];

/** What a log is asked to keep; where it cannot, the caller's client is told so. */
export function stored<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    if (!(error instanceof LogError && NOT_STORED.includes(error.refusal))) throw error;
    throw new NotStoredError(error.message, { cause: error });
  });
}

/**
 * Begins a stream under a name that nobody has. One that is there all the same was to be dropped when that could
 * not be stored.
 */
export async function beginStream(log: CommandLog, name: string, header: unknown): Promise<void> {
  try {
    await stored(log.create(name, header));
  } catch (error) {
    if (!(error instanceof LogError && error.refusal === 'STREAM_EXISTS')) throw error;
    await stored(log.drop(name));
    await stored(log.create(name, header));
  }
}
