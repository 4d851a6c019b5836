import type { Blocker } from '../../../kernel/errno.js';
import type { Command } from '../../command.js';
import type { Platform } from '../../platform.js';

/**
 * Finds what would refuse a command, without trying it: also what the kernel would only come to after
 * something else is out of the way. It never names what would not refuse it.
 */
export type StandingRule<T extends Command['type']> = (
  platform: Platform,
  command: Extract<Command, { type: T }>,
) => Iterable<Blocker>;

/** A blocker without advice; the rules of its code know what mends it. */
export function found(code: string, message: string, subject: Blocker['subject'] = null): Blocker {
  return { code, message, subject, remedy: null };
}
