import type { CommandLog } from '../log/port.js';
import type { LoggedCommand } from './command.js';
import type { RequestKey } from './idempotency.js';
import { type ForkOrigin, Platform, type PlatformHeader } from './platform.js';
import { beginStream, stored } from './stored.js';
import { TimeSlice } from './time-slice.js';

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
 * Boots a fork and takes it through its origin's commands, each of which becomes its own. Resolves when
 * all of that is durable.
 */
export async function growFork(log: CommandLog, header: PlatformHeader): Promise<Platform> {
  const platform = new Platform(header);
  await beginStream(log, header.name, header);
  try {
    await stored(copyCommands(log, header.fork!, platform));
    return platform;
  } catch (error) {
    // What is left of it is nobody's; if it cannot be dropped now, the next start does, or who takes its name.
    await log.drop(header.name).catch(() => undefined);
    throw error;
  }
}

async function copyCommands(log: CommandLog, origin: ForkOrigin, platform: Platform): Promise<void> {
  const slice = new TimeSlice();
  let appends: Promise<void>[] = [];
  for await (const { revision, entry } of log.read(origin.platform, 1)) {
    if (revision > origin.revision) break;
    // Keys stay behind: a client that uses one with the fork asks for something new.
    const { command, time } = entry as LoggedCommand;
    const append = log.append(platform.name, revision, { command, time } satisfies LoggedCommand);
    append.catch(() => undefined);
    appends.push(append);
    platform.apply({ command, time });
    if (appends.length === BATCH) {
      await Promise.all(appends);
      appends = [];
    }
    if (slice.isOver) await slice.step();
  }
  await Promise.all(appends);
}

/** Whether a stream is what a fork left that was never finished: nobody was told of it. */
export function isUnfinishedFork(header: PlatformHeader, lastRevision: number): boolean {
  return header.fork !== undefined && lastRevision < header.fork.revision;
}
