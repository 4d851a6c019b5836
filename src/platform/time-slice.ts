import { setImmediate } from 'node:timers/promises';

/** Milliseconds of work between two looks at what else there is to do. */
const SLICE_MS = 5;

/** Says of long work when it is to pause. */
export interface Pauses {
  /** To be awaited before the next piece of the work, when it gives something to wait for. */
  next(): Promise<void> | null;
}

/** Lets the process answer others while it works through something long. */
export class TimeSlice implements Pauses {
  private until = performance.now() + SLICE_MS;

  next(): Promise<void> | null {
    return performance.now() < this.until ? null : this.rest();
  }

  /** To be awaited between two steps of the work; waits only when the slice is used up. */
  async step(): Promise<void> {
    await this.next();
  }

  /** Whether {@link step} would wait; asking is cheaper than awaiting. */
  get isOver(): boolean {
    return performance.now() >= this.until;
  }

  private async rest(): Promise<void> {
    await setImmediate();
    this.until = performance.now() + SLICE_MS;
  }
}

/**
 * The same for work of many that comes in pieces, such as commands that became durable together: what any of them does
 * within one turn of the event loop counts, and of those who rest as many go on in a turn as have room in it.
 */
export class FairTurn implements Pauses {
  private began: number | null = null;
  /** Those who rest, first come first: who has just used up a turn must not be the next again. */
  private readonly resting: symbol[] = [];

  next(): Promise<void> | null {
    return this.hasRoom() ? null : this.rest();
  }

  private hasRoom(): boolean {
    if (this.began !== null) return performance.now() - this.began < SLICE_MS;
    this.began = performance.now();
    void setImmediate().then(() => (this.began = null));
    return true;
  }

  private async rest(): Promise<void> {
    const self = Symbol();
    this.resting.push(self);
    do await setImmediate();
    while (this.resting[0] !== self || !this.hasRoom());
    this.resting.shift();
  }
}

/** To be awaited before something changes: whoever was told of how things are now, and looks at once, has done so. */
export function onceAllWereTold(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
