import { setImmediate } from 'node:timers/promises';

/** Milliseconds of work between two looks at what else there is to do. */
const SLICE_MS = 5;

/** Lets the process answer others while it works through something long. */
export class TimeSlice {
  private until = performance.now() + SLICE_MS;

  /** To be awaited between two steps of the work; waits only when the slice is used up. */
  async step(): Promise<void> {
    if (performance.now() < this.until) return;
    await setImmediate();
    this.until = performance.now() + SLICE_MS;
  }

  /** Whether {@link step} would wait; asking is cheaper than awaiting. */
  get isOver(): boolean {
    return performance.now() >= this.until;
  }
}

/**
 * The same for work that comes in pieces nobody waits between, such as commands that became durable together:
 * what is done within one turn of the event loop counts, and work after a rest never waits.
 */
export class FairTurn {
  private began: number | null = null;

  /** To be awaited before each piece, when it gives something to wait for. */
  next(): Promise<void> | null {
    if (this.began === null) {
      this.began = performance.now();
      void setImmediate().then(() => (this.began = null));
      return null;
    }
    return performance.now() - this.began < SLICE_MS ? null : setImmediate();
  }
}
