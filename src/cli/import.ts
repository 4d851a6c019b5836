import { readFileSync, statSync } from 'node:fs';
import { parse } from 'node:path';
import type { Writable } from 'node:stream';
import { openLmdbLog } from '../log/lmdb-log.js';
import { LogError } from '../log/log-error.js';
import { importMachine } from '../platform/create.js';
import { ConflictError, InvalidInputError } from '../platform/errors.js';
import { PlatformHost } from '../platform/host.js';
import type { Platform } from '../platform/platform.js';

/** What `import` is started with. The streams are those of the process unless given. */
export interface ImportArguments {
  /** A bundle, as the capture script writes it. */
  readonly file: string;
  /** Name of the platform; null takes that of the file. */
  readonly name: string | null;
  readonly dataDirectory: string;
  readonly output?: Writable;
  readonly errors?: Writable;
}

/** A bundle has at most 2 MB; this leaves room for one put together by hand. */
const MOST_BYTES = 16 * 1024 * 1024;

/**
 * Reads a machine from a file and stores it as a platform, so that a server started on the same data
 * directory has it. Prints what the import could not read, then what it got. Resolves to the exit status.
 */
export async function runImport(args: ImportArguments): Promise<number> {
  const { file, dataDirectory, output = process.stdout, errors = process.stderr } = args;
  const name = args.name ?? nameOf(file);
  try {
    const bundle = readBundleFile(file);
    const log = await openLmdbLog(dataDirectory);
    try {
      const host = await PlatformHost.open(log);
      const platform = await importMachine(host, name, { bundle }, {});
      output.write(report(platform));
      return 0;
    } finally {
      await log.close();
    }
  } catch (error) {
    if (!isRefusal(error)) throw error;
    errors.write(`import: ${file}: ${error.message.replace(/\s+/g, ' ')}\n`);
    return 1;
  }
}

/** A file that cannot be read, in words. */
class FileError extends Error {}

function isRefusal(error: unknown): error is Error {
  return [FileError, LogError, InvalidInputError, ConflictError].some((kind) => error instanceof kind);
}

function readBundleFile(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > MOST_BYTES) throw new FileError(`has ${size} bytes; a bundle has at most ${MOST_BYTES}`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof FileError) throw error;
    // "ENOENT: no such file or directory, open 'x'": the path is said before.
    throw new FileError((error as NodeJS.ErrnoException).message.split(',')[0]);
  }
}

/** The file's name, as far as it can be one of a platform. */
function nameOf(file: string): string {
  const name = parse(file)
    .name.replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 63);
  return name || 'imported';
}

function report(platform: Platform): string {
  const { warnings, description } = platform.header;
  const { devices, units, groups } = platform.kernel;
  const lines = warnings.map(({ source, line, message }) => {
    return `warning: ${source}${line === null ? '' : ` line ${line}`}: ${message}`;
  });
  const structures = description.dmar?.structures.length ?? 0;
  const reported = description.reportedGroups.length;
  lines.push(
    `imported "${platform.name}": ${devices.size} devices, ${units.length} remapping units, ${groups.size} groups ` +
      `(${reported} reported), ${structures} DMAR structures, ${warnings.length} warnings`,
  );
  return `${lines.join('\n')}\n`;
}
