import type { KernelError } from '../kernel/errno.js';
import type { Command } from './command.js';
import { InvalidInputError, NotFoundError } from './errors.js';
import { applyInSlices } from './in-slices.js';
import type { Applied, Platform } from './platform.js';
import { background } from './time-slice.js';
import { prepare } from './verbs/index.js';

/** Why a command would be refused; null when it would succeed. */
export type PlannedRefusal = KernelError | NotFoundError | InvalidInputError | null;

/**
 * Does to a second self of a platform what `PlatformHost.perform` would do to the platform: a command that
 * names nothing is refused and leaves no revision, a command the kernel refuses leaves one.
 */
export async function tryCommand(replica: Platform, command: Command, time: number): Promise<PlannedRefusal> {
  try {
    prepare(replica, command);
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof InvalidInputError) return error;
    throw error;
  }
  const { result }: Applied = await applyInSlices(replica, { command, time }, background);
  return result.ok ? null : result.error;
}
