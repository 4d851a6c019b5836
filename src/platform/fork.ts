import type { CommandLog } from '../log/port.js';
import type { LoggedCommand } from './command.js';
import type { RequestKey } from './idempotency.js';
import { goneError } from './gone.js';
import type { ForkOrigin, Platform, PlatformHeader } from './platform.js';
import { beginStream, stored } from './stored.js';
import { background } from './time-slice.js';

/** Commands given to the log before it is waited for. */
const BATCH = 512;

/** What a fork is made from: all its origin was, under a name and a date of its own. */
export function forkHeader(
  origin: PlatformHeader,
  name: string,
  revision: number,
  createdAt: number,
  request: RequestKey | undefined,
): PlatformHeader {
  const { description, kernel, warnings } = origin;
  const bootedAt = origin.fork?.bootedAt ?? origin.createdAt;
  const fork = { platform: origin.name, revision, bootedAt };
  const header = { name, origin: 'FORKED' as const, createdAt, description, kernel, warnings, fork };
  return request === undefined ? header : { ...header, request };
}

/**
 * Gives a fork a log of its own, which begins with its origin's commands, so that the origin may go. Resolves
 * when all of that is durable.
 */
export async function logFork(log: CommandLog, header: PlatformHeader, origin: Platform): Promise<void> {
  await beginStream(log, header.name, header);
  try {
    await stored(copyCommands(log, header.fork!, header.name));
    // What was copied is then another one's, or not all of it.
    if (origin.isClosed) throw goneError(origin);
  } catch (error) {
    // What is left of it is nobody's; if it cannot be dropped now, the next start does, or who takes its name.
    await log.drop(header.name).catch(() => undefined);
    throw error;
  }
}

async function copyCommands(log: CommandLog, origin: ForkOrigin, name: string): Promise<void> {
  let appends: Promise<void>[] = [];
  for await (const { revision, entry } of log.read(origin.platform, 1)) {
    if (revision > origin.revision) break;
    // Keys stay behind: a client that uses one with the fork asks for something new.
    const { command, time } = entry as LoggedCommand;
    const append = log.append(name, revision, { command, time } satisfies LoggedCommand);
    append.catch(() => undefined);
    appends.push(append);
    if (appends.length === BATCH) {
      await Promise.all(appends);
      appends = [];
    }
    const pause = background.next();
    if (pause !== null) await pause;
  }
  await Promise.all(appends);
}

/** Whether a stream is what a fork left that was never finished: nobody was told of it. */
export function isUnfinishedFork(header: PlatformHeader, lastRevision: number): boolean {
  return header.fork !== undefined && lastRevision < header.fork.revision;
}
