import type { HostFrame } from '../bits/address.js';

/**
 * Hands out frames of one contiguous stretch of host memory, freed ones first (last freed, first reused),
 * so that the same requests always give the same frames.
 */
export class FrameAllocator {
  private readonly free: number[] = [];
  private next: number;

  constructor(
    private readonly first: HostFrame,
    private readonly count: number,
  ) {
    this.next = first;
  }

  /** A frame, or null when the stretch is used up. The caller sees to its contents. */
  allocate(): HostFrame | null {
    const reused = this.free.pop();
    if (reused !== undefined) return reused;
    if (this.next - this.first >= this.count) return null;
    return this.next++;
  }

  /** Contiguous, naturally aligned frames (a power of two of them); null when they do not fit. */
  allocateRun(frames: number): HostFrame | null {
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
    for (let index = frames - 1; index >= 0; index--) this.free.push(frame + index);
  }

  /** Frames in use now. */
  get used(): number {
    return this.next - this.first - this.free.length;
  }
}
