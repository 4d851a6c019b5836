import type { HostFrame } from '../bits/address.js';

/**
 * Hands out frames of one contiguous stretch of host memory, freed ones first (last freed, first reused),
 * so that the same requests always give the same frames.
 */
export class FrameAllocator {
  private readonly free: number[] = [];
  /** Runs given back, by length: first frames. */
  private readonly runs = new Map<number, number[]>();
  private next: number;

  constructor(
    private readonly first: HostFrame,
    /** Frames of the stretch. */
    readonly count: number,
  ) {
    this.next = first;
  }

  /** A frame, or null when the stretch is used up. The caller sees to its contents. */
  allocate(): HostFrame | null {
    const reused = this.free.pop();
    if (reused !== undefined) return reused;
    if (this.next - this.first < this.count) return this.next++;
    return this.breakRun();
  }

  /** Contiguous, naturally aligned frames (a power of two of them); null when they do not fit. */
  allocateRun(frames: number): HostFrame | null {
    const reused = this.runs.get(frames)?.pop();
    if (reused !== undefined) return reused;
    const start = Math.ceil(this.next / frames) * frames;
    if (start + frames - this.first > this.count) return null;
    for (let frame = this.next; frame < start; frame++) this.free.push(frame);
    this.next = start + frames;
    return start;
  }

  release(frame: HostFrame): void {
    this.free.push(frame);
  }

  releaseRun(frame: HostFrame, frames: number): void {
    const list = this.runs.get(frames);
    if (list === undefined) this.runs.set(frames, [frame]);
    else list.push(frame);
  }

  /** A single frame of the shortest run there is, when nothing else is left. */
  private breakRun(): HostFrame | null {
    for (const length of [...this.runs.keys()].sort((a, b) => a - b)) {
      const start = this.runs.get(length)!.pop();
      if (start === undefined) continue;
      for (let index = length - 1; index > 0; index--) this.free.push(start + index);
      return start;
    }
    return null;
  }

  /** The highest frame that so many more can lead to. */
  reachOf(more: number): HostFrame {
    return Math.min(this.next + more, this.first + this.count) - 1;
  }

  /** Frames in use now; {@link count} when none is left. */
  get used(): number {
    let released = this.free.length;
    for (const [length, starts] of this.runs) released += length * starts.length;
    return this.next - this.first - released;
  }
}
