import { KernelError } from '../../kernel/errno.js';
import { canonical } from '../canonical.js';
import type { Command } from '../command.js';
import { type ConflictError, InvalidInputError, type NotFoundError } from '../errors.js';
import type { Platform } from '../platform.js';
import type { Obstacle } from './obstacle.js';
import { blockersOf, obstacleOf } from './rules/index.js';
import { type Found, searchRepair } from './search.js';
import { standingBlockers } from './standing/index.js';
import { type Trial, Trials } from './trials.js';

export type { MendedBy, Obstacle } from './obstacle.js';

/** NOT_NEEDED: it succeeds as things are. NONE: nothing that is known removes what is in the way. */
export type RepairVerdict = 'NOT_NEEDED' | 'FOUND' | 'NONE' | 'UNDECIDED';

export interface WhyNot {
  /** Everything that stands in the way; empty when the command would succeed. */
  readonly obstacles: readonly Obstacle[];
  readonly verdict: RepairVerdict;
  /** A shortest list of commands after which it succeeds, none of which can be left out. */
  readonly repair: readonly Command[];
  /** Why there is none; null when there is one, or none is needed. */
  readonly reason: string | null;
}

/**
 * Why a command is refused, all of it, and what would make it succeed. Found out on second selves of the
 * platform; the platform itself is not touched.
 */
export async function whyNot(
  replica: () => Promise<Platform>,
  command: Command,
  time: number,
): Promise<WhyNot> {
  const trials = new Trials(replica, time);
  const first = await trials.try([], command);
  if (first.refusal === null) return { obstacles: [], verdict: 'NOT_NEEDED', repair: [], reason: null };
  const { refusal } = first;
  if (!(refusal instanceof KernelError)) return refusedBeforeTheKernel(refusal);
  const found = await searchRepair(trials, command);
  const obstacles = merged(known(command, first, refusal), found.met);
  if (found.repair === null)
    return { obstacles, verdict: found.isExhaustive ? 'NONE' : 'UNDECIDED', repair: [], reason: why(found) };
  return { obstacles, verdict: 'FOUND', repair: await needed(trials, found.repair, command), reason: null };
}

/** What the kernel says first, and what would be said after that. */
function known(command: Command, { before }: Trial, refusal: KernelError): Obstacle[] {
  const said = blockersOf(refusal).map((blocker) => ({ platform: before, command, refusal, blocker }));
  const standing = standingBlockers(before, command).map((blocker) => ({
    platform: before,
    command,
    refusal: null,
    blocker,
  }));
  return merged(said.map(obstacleOf), standing.map(obstacleOf));
}

/** Both lists, with what both name taken once: as the first has it. */
function merged(first: readonly Obstacle[], second: readonly Obstacle[]): Obstacle[] {
  const times = new Map<string, number>();
  for (const { code, subject } of first) {
    const key = canonical([code, subject]);
    times.set(key, (times.get(key) ?? 0) + 1);
  }
  const added = second.filter(({ code, subject }) => {
    const key = canonical([code, subject]);
    const left = times.get(key) ?? 0;
    times.set(key, left - 1);
    return left <= 0;
  });
  return [...first, ...added];
}

/** Leaves out what can be left out, until nothing can. */
async function needed(
  trials: Trials,
  repair: readonly Command[],
  command: Command,
): Promise<readonly Command[]> {
  for (let at = 0; at < repair.length; at++) {
    const { succeeds, accepted } = await trials.tryAll(repair.toSpliced(at, 1), command);
    if (succeeds) return needed(trials, accepted, command);
  }
  return repair;
}

/** What a command names does not exist, it is malformed, or it expects another revision: no kernel is asked. */
export function refusedBeforeTheKernel(refusal: NotFoundError | InvalidInputError | ConflictError): WhyNot {
  const obstacle: Obstacle = {
    code: CODES[refusal.name],
    message: refusal.message,
    subject: null,
    remedy: null,
    evidence: refusal instanceof InvalidInputError ? [`argument: ${refusal.path.join('.')}`] : [],
    mendedBy: 'OTHER_ARGUMENTS',
    repair: [],
  };
  return { obstacles: [obstacle], verdict: 'NONE', repair: [], reason: reasonOf(obstacle) };
}

const CODES = {
  NotFoundError: 'NOT_FOUND',
  InvalidInputError: 'INVALID_INPUT',
  ConflictError: 'CONFLICT',
} as const;

const MENDING: Readonly<Record<Obstacle['mendedBy'], string>> = {
  COMMANDS: 'Every command that would remove it runs in circles.',
  OTHER_ARGUMENTS: 'Only another command, with other arguments, can succeed.',
  ANOTHER_BOOT: 'Only another boot changes it: a command line, a build option, another kernel.',
  FIRMWARE: 'Only firmware can change it.',
  HARDWARE: 'Only other hardware can change it.',
  NOTHING_TO_DO: 'What the command would bring about is so already.',
  UNKNOWN: 'No command is known that removes it.',
};

function reasonOf({ message, mendedBy }: Obstacle): string {
  return `${message} ${MENDING[mendedBy]}`;
}

function why({ deadEnds, isExhaustive }: Found): string {
  const reasons = deadEnds.map(reasonOf);
  if (!isExhaustive) reasons.unshift('The search was given up; there may be a repair.');
  return [...new Set(reasons)].join(' ');
}
