import { FrameAllocator } from '../../src/memory/frame-allocator.js';

describe('frames for tables', () => {
  it('are given out again as runs when they were given back as runs', () => {
    const frames = new FrameAllocator(16, 100);
    // A PASID directory taken and given back for ever must not use memory up.
    for (let round = 0; round < 1000; round++) frames.releaseRun(frames.allocateRun(32)!, 32);
    expect(frames.used).toBe(0);
    expect(frames.allocateRun(32)).not.toBeNull();
  });

  it('come from runs one by one when nothing else is left, each once', () => {
    const frames = new FrameAllocator(0, 8);
    frames.releaseRun(frames.allocateRun(4)!, 4);
    const single = Array.from({ length: 9 }, () => frames.allocate());
    expect(single.slice(0, 8).toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([single[8], frames.used]).toEqual([null, 8]);
  });
});
