import type { CommandLog } from '../log/port.js';
import { isPlatformStream } from '../platform/deletions.js';
import { digestOf } from '../platform/digest.js';
import { Platform, type PlatformHeader } from '../platform/platform.js';
import { replay } from '../platform/replay.js';

/** What two replays of one stream gave. */
export interface Verdict {
  readonly name: string;
  readonly commands: number;
  readonly events: number;
  /** Of each of the two. */
  readonly digests: readonly [string, string];
}

/** Replays every platform of a log twice. */
export async function* verifyLog(log: CommandLog): AsyncGenerator<Verdict> {
  for (const { name, header } of await log.streams()) {
    if (!isPlatformStream(name)) continue;
    const first = await rebuilt(log, header as PlatformHeader);
    const second = await rebuilt(log, header as PlatformHeader);
    yield {
      name,
      commands: first.commands,
      events: first.events,
      digests: [first.digest, second.digest],
    };
  }
}

async function rebuilt(log: CommandLog, header: PlatformHeader) {
  const platform = new Platform(header);
  await replay(log, platform);
  return { digest: digestOf(platform), commands: platform.revision, events: platform.events.last };
}

/** One line for people and for `diff`. */
export function verdictLine({ name, commands, events, digests: [first, second] }: Verdict): string {
  const counts = `${name} commands ${commands} events ${events}`;
  return first === second
    ? `same ${counts} sha256 ${first}`
    : `DIFFERENT ${counts} sha256 ${first} then ${second}`;
}
