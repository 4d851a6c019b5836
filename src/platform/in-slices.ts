import type { Steps } from '../kernel/steps.js';
import type { LoggedCommand } from './command.js';
import type { Applied, Platform } from './platform.js';
import type { Pauses } from './time-slice.js';

/** Ends of the commands that rest in their middle now. */
const ends = new WeakMap<Platform, Promise<void>>();

/**
 * What whoever looks at a platform, or copies it, has to wait for first: the end of the command that rests in its
 * middle. Null when none does, which is nearly always. When it has come the platform stays as it is until every
 * promise that waits for it was told.
 */
export function inTheMidst(platform: Platform): Promise<void> | null {
  return ends.get(platform) ?? null;
}

/** Applies a command, in slices when it takes long: others are answered meanwhile. */
export function applyInSlices(
  platform: Platform,
  logged: LoggedCommand,
  pauses: Pauses,
): Applied | Promise<Applied> {
  const work = inSlices(platform.applyInSteps(logged), pauses);
  if (work instanceof Promise) {
    const over = () => void ends.delete(platform);
    ends.set(platform, work.then(over, over));
  }
  return work;
}

/** Does what takes steps; with pauses, where it takes longer than one slice. */
export function inSlices<T>(steps: Steps<T>, pauses: Pauses): T | Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    const pause = pauses.next();
    if (pause !== null) return goOn(steps, pause, pauses);
  }
}

async function goOn<T>(steps: Steps<T>, first: Promise<void>, pauses: Pauses): Promise<T> {
  await first;
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    const pause = pauses.next();
    if (pause !== null) await pause;
  }
}

/** Resolves when no command rests in the middle of a platform. */
export async function untilWhole(platform: Platform): Promise<void> {
  for (let end = inTheMidst(platform); end !== null; end = inTheMidst(platform)) await end;
}

/** Gives what a look at a platform gives, at once when that is possible. */
export function whenWhole<T>(platform: Platform, look: () => T): T | Promise<T> {
  const end = inTheMidst(platform);
  return end === null ? look() : end.then(() => whenWhole(platform, look));
}
