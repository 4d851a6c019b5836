import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  realpathSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LOCK_FILE } from './directory-lock.js';
import { LogError } from './log-error.js';

/** Name of the log's environment inside the directory. */
export const LOG_FILE = 'log.mdb';

/** Name of the commits that are not in it yet. */
export const AHEAD_FILE = 'ahead.log';

const OUR_FILES = new Set([LOG_FILE, AHEAD_FILE, `${LOG_FILE}-lock`, LOCK_FILE, `${LOCK_FILE}-lock`]);

/** Bytes 24 to 31 of an LMDB file: `MDB_MAGIC` and the data version of the library we use. */
const LMDB_MAGIC = 0xbeefc0de;
const LMDB_VERSION = 2;

/** Whether a log, or part of one, is in a directory. */
export function holdsLog(directory: string): boolean {
  return [LOG_FILE, AHEAD_FILE].some((name) => existsSync(join(directory, name)));
}

/**
 * Makes the directory when it is missing and proves that a log may be opened in it; gives its real path.
 *
 * LMDB crashes the process on a file that is not its own, and would happily put its files beside somebody
 * else's, so both are looked at before it is asked.
 */
export function prepareDataDirectory(path: string): string {
  const directory = makeDirectory(resolve(path));
  const foreign = readdirSync(directory).find(
    (name) => !OUR_FILES.has(name) && !name.startsWith('.') && name !== 'lost+found',
  );
  if (foreign !== undefined) {
    throw new LogError(
      'UNUSABLE',
      `The data directory ${directory} holds something else (${foreign}); give one that is empty or was made by this server.`,
    );
  }
  for (const name of [LOG_FILE, LOCK_FILE]) refuseForeignFile(join(directory, name));
  return directory;
}

function makeDirectory(directory: string): string {
  try {
    makeMissing(directory);
    readdirSync(directory);
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    return realpathSync(directory);
  } catch (cause) {
    throw cannotBeWritten(directory, cause);
  }
}

/** Not `recursive: true`: Node 20 then never returns where the file system answers ENOENT, as /proc does. */
function makeMissing(directory: string): void {
  try {
    mkdirSync(directory);
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(directory) === directory) throw cause;
    makeMissing(dirname(directory));
    mkdirSync(directory);
  }
}

function refuseForeignFile(path: string): void {
  const header = new DataView(new ArrayBuffer(32));
  let length: number;
  try {
    const file = openSync(path, constants.O_RDWR);
    length = readSync(file, header, 0, header.byteLength, 0);
    closeSync(file);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return;
    throw cannotBeWritten(dirname(path), cause);
  }
  // Nothing in it: a first start that was killed before the file was filled.
  if (length === 0) return;
  if (length < header.byteLength || header.getUint32(24, true) !== LMDB_MAGIC) {
    throw new LogError('UNUSABLE', `The file ${path} is not a command log.`);
  }
  if (header.getUint32(28, true) !== LMDB_VERSION) {
    throw new LogError('UNUSABLE', `The file ${path} was written by another version of LMDB.`);
  }
}

function cannotBeWritten(directory: string, cause: unknown): LogError {
  // "EACCES: permission denied, mkdir '/x'": the call and its path add nothing.
  const [reason] = (cause as NodeJS.ErrnoException).message.split(',');
  return new LogError('UNUSABLE', `The data directory ${directory} cannot be written (${reason}).`, {
    cause,
  });
}

function codeOf(cause: unknown): string | undefined {
  return (cause as NodeJS.ErrnoException).code;
}
