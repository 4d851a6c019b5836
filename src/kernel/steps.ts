/**
 * Work that may rest where it yields: in outer loops, about where the kernel itself would let others run
 * (cond_resched()). What it works on is not to be looked at before the end. Yields come by count, since nothing
 * here knows the time; who drives the steps decides whether to pause.
 */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Does all of it at once. */
export function wholly<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Whether something that was done gave the steps of it rather than what came of it. */
export function isSteps<T>(work: T | Steps<T>): work is Steps<T> {
  return (
    typeof work === 'object' &&
    work !== null &&
    Symbol.toStringTag in work &&
    work[Symbol.toStringTag] === 'Generator'
  );
}

/** Counts the turns of a loop: true at every so many. */
export class Every {
  private left: number;

  constructor(private readonly turns: number) {
    this.left = turns;
  }

  get isOver(): boolean {
    if (--this.left > 0) return false;
    this.left = this.turns;
    return true;
  }
}
