import type { Steps } from '../../kernel/steps.js';
import type { Command } from '../command.js';
import type { Platform } from '../platform.js';

/**
 * The work of one command, in two halves. Calling it looks up the objects the command names, and refuses
 * the ones that do not exist; calling what it returns does the work, or gives the steps of it where it can take
 * long. The first half runs before the command is logged as well, so that a misspelt id costs no revision.
 */
export type Verb<T extends Command['type'], Result> = (
  platform: Platform,
  command: Extract<Command, { type: T }>,
) => () => Result | Steps<Result>;

/** One verb for each command of `Results`, which names what it gives back when it succeeds. */
export type VerbTable<Results> = {
  readonly [T in keyof Results & Command['type']]: Verb<T, Results[T]>;
};
