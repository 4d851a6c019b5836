import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { CommandLog } from '../../../src/log/port.js';
import { built } from '../built.js';

/** What {@link startAppender} stores. */
export interface Appended {
  readonly revision: number;
  readonly attempt: string;
  readonly payload: Uint8Array;
}

/** A process that appends to a log in a directory until it is killed, and tells about it line by line. */
export function startAppender(
  directory: string,
  mode: 'append' | 'idle' | 'relaxed' | 'snapshots' = 'append',
): { child: ChildProcess; lines: AsyncIterableIterator<string> } {
  const child = spawn(
    process.execPath,
    [join(__dirname, 'appender.mjs'), built('log/lmdb-log.js'), directory, mode],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  return { child, lines: createInterface({ input: child.stdout! })[Symbol.asyncIterator]() };
}

/** Everything a stream holds. */
export async function valuesOf(log: CommandLog, stream: string): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const { entry } of log.read(stream, 1)) values.push(entry);
  return values;
}

/** Proves that a stream is what appenders were told: no hole, nothing lost, nothing that was refused in its place. */
export async function expectAppended(
  log: CommandLog,
  acknowledged: ReadonlyMap<number, string>,
): Promise<void> {
  const values = (await valuesOf(log, 'platform')) as Appended[];
  expect(values.map(({ revision }) => revision)).toEqual(values.map((_, index) => index + 1));
  for (const { revision, payload } of values) expect(payload).toEqual(new Uint8Array(200).fill(revision));
  const stored = new Map(values.map(({ revision, attempt }) => [revision, attempt]));
  for (const [revision, attempt] of acknowledged) expect(stored.get(revision)).toBe(attempt);
}
