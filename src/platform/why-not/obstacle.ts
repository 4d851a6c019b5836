import type { Blocker, KernelError } from '../../kernel/errno.js';
import type { Command } from '../command.js';
import type { Platform } from '../platform.js';

/** What it takes to remove an obstacle when no command does. */
export type MendedBy =
  /** Commands remove it. */
  | 'COMMANDS'
  /** The command itself asks for something it cannot have; another one can be asked for. */
  | 'OTHER_ARGUMENTS'
  /** Another command line, build option or kernel, and so a boot. */
  | 'ANOTHER_BOOT'
  /** Another firmware table or firmware setting. */
  | 'FIRMWARE'
  /** Another machine, card or slot. */
  | 'HARDWARE'
  /** What the command would bring about is already so. */
  | 'NOTHING_TO_DO'
  /** Nothing known here. */
  | 'UNKNOWN';

/** One reason why a command is refused, with all that is known of it. */
export interface Obstacle extends Blocker {
  /** Facts anybody can look up: register bits, offsets, options, owners. */
  readonly evidence: readonly string[];
  readonly mendedBy: MendedBy;
  /** Commands that remove this one, in order; empty unless it is mended by commands. */
  readonly repair: readonly Command[];
}

/** A blocker where it was met. */
export interface Circumstances {
  /** As it was before the command was tried. */
  readonly platform: Platform;
  /** What is refused. */
  readonly command: Command;
  /** Null for a blocker that was found without asking the kernel. */
  readonly refusal: KernelError | null;
  readonly blocker: Blocker;
}

/** What is known of one kind of blocker. */
export interface ObstacleRule {
  readonly evidence?: (met: Circumstances) => readonly string[];
  /** Lists of commands each of which removes it, the least harmful of the shortest first. */
  readonly repairs?: (met: Circumstances) => readonly (readonly Command[])[];
  /** What mends it when `repairs` gives nothing. */
  readonly otherwise: MendedBy | ((met: Circumstances) => MendedBy);
  /** Advice for the person, where the kernel's blocker has none. */
  readonly remedy?: (met: Circumstances) => string | null;
}

/** Rules by code of the blocker. */
export type ObstacleRules = Readonly<Record<string, ObstacleRule>>;
