import { setImmediate } from 'node:timers/promises';

/** Milliseconds of work in one turn of the event loop. */
const SLICE_MS = 5;

/** Says of long work when it is to pause. */
export interface Pauses {
  /** To be awaited before the next piece of the work, when it gives something to wait for. */
  next(): Promise<void> | null;
}

/**
 * Pauses of work of many that comes in pieces, such as commands that became durable together: what any of them does
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

/**
 * What is worked through for somebody who looks or for nobody: replays, trials, snapshots. All of it shares one turn, in
 * this process as in its event loop: a thousand looks at the past in one query must leave room for others.
 */
export const background: Pauses = new FairTurn();

/** To be awaited before something changes: whoever was told of how things are now, and looks at once, has done so. */
export function onceAllWereTold(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
