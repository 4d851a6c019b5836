import { KernelError } from '../../kernel/errno.js';
import { canonical } from '../canonical.js';
import type { Command } from '../command.js';
import type { Obstacle } from './obstacle.js';
import { blockersOf, obstacleOf, repairsOf } from './rules/index.js';
import type { Trial, Trials } from './trials.js';

/** Commands tried before a search is given up. */
const MOST_TRIALS = 400;

/** A line of work: commands that succeeded, and those to come, the next one last. */
interface Work {
  readonly done: readonly Command[];
  readonly pending: readonly Command[];
  /** What refused the command itself on the way here. */
  readonly met: readonly Obstacle[];
}

export interface Found {
  /** Null: there is none, or none was found. */
  readonly repair: readonly Command[] | null;
  /** Everything was looked at that the rules propose. */
  readonly isExhaustive: boolean;
  readonly met: readonly Obstacle[];
  /** What ended each line of work that came to nothing. */
  readonly deadEnds: readonly Obstacle[];
}

/**
 * The shortest list of commands after which another one succeeds. Each refusal names what is in the way, the
 * rules what removes that; a remedy that is refused itself is mended the same way first. Lines of work are
 * taken up by the number of commands they will have at least, so the first that succeeds is a shortest one;
 * of several as short, the one the rules prefer.
 */
export async function searchRepair(trials: Trials, command: Command): Promise<Found> {
  const open: Work[][] = [[], [{ done: [], pending: [command], met: [] }]];
  const seen = new Set<string>();
  const deadEnds = new Map<string, Obstacle>();
  let farthest: readonly Obstacle[] = [];
  for (let cost = 1; cost < open.length; cost++) {
    for (let work = open[cost]?.shift(); work !== undefined; work = open[cost]?.shift()) {
      if (trials.tried >= MOST_TRIALS)
        return { repair: null, isExhaustive: false, met: farthest, deadEnds: [...deadEnds.values()] };
      const key = canonical([work.done, work.pending]);
      if (seen.has(key)) continue;
      seen.add(key);
      const next = work.pending[work.pending.length - 1];
      const trial = await trials.try(work.done, next);
      if (trial.refusal === null) {
        if (work.pending.length === 1)
          return { repair: work.done, isExhaustive: true, met: work.met, deadEnds: [] };
        // As long as before, and farther: it goes on with this line.
        open[cost].unshift({ ...work, done: [...work.done, next], pending: work.pending.slice(0, -1) });
        continue;
      }
      const { met, ways, stuck } = refused(work, next, trial);
      if (met.length > farthest.length) farthest = met;
      for (const obstacle of stuck) deadEnds.set(canonical([obstacle.code, obstacle.subject]), obstacle);
      for (const way of ways) {
        const pending = [...work.pending, ...way.toReversed()];
        (open[work.done.length + pending.length] ??= []).push({ done: work.done, pending, met });
      }
    }
  }
  return { repair: null, isExhaustive: true, met: farthest, deadEnds: [...deadEnds.values()] };
}

/** What a refusal leaves to do: all it names must go, so one at a time is enough. */
function refused(work: Work, next: Command, { refusal, before }: Trial) {
  if (!(refusal instanceof KernelError)) return { met: work.met, ways: [], stuck: [] };
  const circumstances = blockersOf(refusal).map((blocker) => ({
    platform: before,
    command: next,
    refusal,
    blocker,
  }));
  const obstacles = circumstances.map(obstacleOf);
  const met = work.pending.length === 1 ? [...work.met, ...obstacles] : work.met;
  const stuck = obstacles.filter(({ mendedBy }) => mendedBy !== 'COMMANDS');
  if (stuck.length > 0) return { met, ways: [], stuck };
  const known = new Set([...work.done, ...work.pending].map(canonical));
  const ways = repairsOf(circumstances[0]).filter((way) => !way.some((each) => known.has(canonical(each))));
  // What was tried on this line already would go round in circles.
  return { met, ways, stuck: ways.length === 0 ? obstacles.slice(0, 1) : [] };
}
