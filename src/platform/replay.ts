import type { CommandLog } from '../log/port.js';
import type { LoggedCommand } from './command.js';
import { applyInSlices } from './in-slices.js';
import type { Applied, Platform } from './platform.js';
import { background } from './time-slice.js';

/**
 * Applies to a platform the commands that follow its revision, up to another one or to the last durable
 * one, in slices: whoever else has work gets in between.
 *
 * @param seen is told of each command after it was applied
 */
export async function replay(
  log: CommandLog,
  platform: Platform,
  upTo: number = Infinity,
  seen: ((logged: LoggedCommand, applied: Applied) => void) | null = null,
): Promise<void> {
  if (platform.revision >= upTo) return;
  for await (const { entry } of log.read(platform.name, platform.revision + 1)) {
    const logged = entry as LoggedCommand;
    const work = applyInSlices(platform, logged, background);
    const applied = work instanceof Promise ? await work : work;
    seen?.(logged, applied);
    if (platform.revision >= upTo) return;
    const pause = background.next();
    if (pause !== null) await pause;
  }
}
