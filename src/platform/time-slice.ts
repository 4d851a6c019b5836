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
