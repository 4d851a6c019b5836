import { HostMemory, SEGMENT_FRAMES_LG2 } from '../../src/memory/host-memory.js';

const SEGMENT = 1 << SEGMENT_FRAMES_LG2;

describe.each([
  ['with a slab there', true],
  ['without', false],
])('memory made ready, %s', (_what, hasSlab) => {
  const FIRST = 0x30000;
  function memory(): HostMemory {
    const made = new HostMemory(2 ** 38);
    if (hasSlab) made.useSlab(FIRST);
    return made;
  }

  test('holds what it held, in itself and in a fork', () => {
    const first = memory();
    first.store64((FIRST + 3) * 4096 + 16, { hi: 1, lo: 2 });
    const fork = first.fork();
    for (const _step of first.makeReady(FIRST, 2 * SEGMENT)) continue;
    for (const each of [first, fork]) {
      expect([...each.writtenFrames()].map(({ frame }) => frame)).toEqual([FIRST + 3]);
      expect(each.load64((FIRST + 3) * 4096 + 16)).toEqual({ hi: 1, lo: 2 });
    }
    first.store32((FIRST + 300) * 4096, 7);
    expect(fork.load32((FIRST + 300) * 4096)).toBe(0);
  });

  test('comes a segment a step, from any frame on, and ends where memory does', () => {
    const steps = (first: number, frames: number) => [...memory().makeReady(first, frames)].length;
    expect(steps(FIRST, 3 * SEGMENT)).toBe(3);
    expect(steps(FIRST + SEGMENT - 1, 2)).toBe(2);
    expect(steps(2 ** 26 - 1, 1000)).toBe(1);
    expect(steps(FIRST, 0)).toBe(0);
  });
});
