import fc from 'fast-check';
import { FRAME_WORDS, HostMemory } from '../../src/memory/host-memory.js';

const FIRST = 0x30000;

function slabMemory(): HostMemory {
  const memory = new HostMemory(2 ** 38);
  memory.useSlab(FIRST);
  return memory;
}

/** A word as a walk finds it. */
function slabWord(memory: HostMemory, frame: number, word: number): number {
  return memory.slab.getInt32(((frame - memory.slabFirst) * FRAME_WORDS + word) * 4, true);
}

describe('the slab of host memory', () => {
  it('costs nothing until a frame of it is written', () => {
    const memory = slabMemory();
    memory.store32(0x1000, 1);
    expect(memory.slabFrames).toBe(0);
    memory.store32(FIRST * 4096, 1);
    expect(memory.slabFrames).toBe(256);
  });

  it('holds the same words as its segments, also after it grew', () => {
    const memory = slabMemory();
    const frames = [0, 1, 255, 256, 1000, 5000, 16383].map((at) => FIRST + at);
    for (const frame of frames) memory.store64(frame * 4096 + 8, { hi: 0x80000000, lo: frame });
    for (const frame of frames) {
      expect(slabWord(memory, frame, 2)).toBe(frame);
      expect(slabWord(memory, frame, 3)).toBe(-0x80000000);
      expect(memory.load64(frame * 4096 + 8)).toEqual({ hi: 0x80000000, lo: frame });
      memory.slab.setInt32((frame - FIRST) * FRAME_WORDS * 4, 7, true);
      expect(memory.load32(frame * 4096)).toBe(7);
    }
    memory.clearFrame(FIRST + 256);
    expect(slabWord(memory, FIRST + 256, 2)).toBe(0);
    expect(slabWord(memory, FIRST + 255, 2)).toBe(FIRST + 255);
  });

  it('takes bytes in and out, across the pieces of it', () => {
    const memory = slabMemory();
    const bytes = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251);
    memory.writeBytes((FIRST + 255) * 4096 - 100, bytes);
    expect(memory.readBytes((FIRST + 255) * 4096 - 100, bytes.length)).toEqual(bytes);
    expect(memory.readBytes((FIRST + 254) * 4096, 4096 - 100).every((byte) => byte === 0)).toBe(true);
  });

  it('leaves frames before and after it in segments of their own', () => {
    const memory = slabMemory();
    memory.store32(FIRST * 4096, 1);
    memory.store32((FIRST - 1) * 4096, 2);
    memory.store32((FIRST + 16384) * 4096, 3);
    expect(memory.slabFrames).toBe(256);
    expect(memory.load32((FIRST - 1) * 4096)).toBe(2);
    expect(memory.load32((FIRST + 16384) * 4096)).toBe(3);
  });

  it('takes over what was written before it was asked for', () => {
    const memory = new HostMemory(2 ** 38);
    memory.store32((FIRST + 300) * 4096, 5);
    memory.useSlab(FIRST);
    memory.store32((FIRST + 600) * 4096, 6);
    expect(slabWord(memory, FIRST + 300, 0)).toBe(5);
    memory.store32((FIRST + 300) * 4096, 8);
    expect(slabWord(memory, FIRST + 300, 0)).toBe(8);
  });

  it('stays with the origin of a fork, and the two go on independently', () => {
    const memory = slabMemory();
    memory.store32(FIRST * 4096, 1);
    const { slab } = memory;
    const fork = memory.fork();
    expect([memory.slab === slab, memory.slabFrames, fork.slabFrames]).toEqual([true, 256, 0]);
    expect(fork.load32(FIRST * 4096)).toBe(1);
    fork.store32(FIRST * 4096, 2);
    expect(memory.load32(FIRST * 4096)).toBe(1);
    memory.store32(FIRST * 4096 + 4, 3);
    memory.store32((FIRST + 256) * 4096, 4);
    expect(fork.load32(FIRST * 4096 + 4)).toBe(0);
    expect(fork.load32((FIRST + 256) * 4096)).toBe(0);
  });

  it('is written in place after a fork, whose forks keep what was there', () => {
    const memory = slabMemory();
    memory.store32((FIRST + 256) * 4096, 1);
    const forks = [memory.fork()];
    forks.push(forks[0].fork(), memory.fork());
    memory.store32(FIRST * 4096, 2);
    expect(slabWord(memory, FIRST, 0)).toBe(2);
    const later = memory.fork();
    memory.store32(FIRST * 4096, 3);
    expect(slabWord(memory, FIRST, 0)).toBe(3);
    expect(forks.map((fork) => fork.load32(FIRST * 4096))).toEqual([0, 0, 0]);
    expect([later.load32(FIRST * 4096), later.load32((FIRST + 256) * 4096)]).toEqual([2, 1]);
    forks[1].store32(FIRST * 4096, 9);
    expect(forks.map((fork) => fork.load32(FIRST * 4096))).toEqual([0, 9, 0]);
    // Growing moves the slab; forks stay with the old one.
    memory.store32((FIRST + 600) * 4096, 4);
    memory.store32(FIRST * 4096, 5);
    expect([memory.slabFrames, later.load32(FIRST * 4096), memory.load32(FIRST * 4096)]).toEqual([
      1024, 2, 5,
    ]);
  });

  it('grows in steps to hold a frame, as far as it can, and keeps what it held', () => {
    const memory = slabMemory();
    memory.store32((FIRST + 200) * 4096, 1);
    const fork = memory.fork();
    const steps = [...memory.reach(FIRST + 100_000)];
    expect(steps.length).toBeGreaterThan(10);
    expect(memory.slabFrames).toBe(16384);
    expect([slabWord(memory, FIRST + 200, 0), fork.load32((FIRST + 200) * 4096)]).toEqual([1, 1]);
    expect([...memory.reach(FIRST + 16383)]).toEqual([]);
    memory.store32((FIRST + 9000) * 4096, 2);
    expect([slabWord(memory, FIRST + 9000, 0), fork.load32((FIRST + 9000) * 4096)]).toEqual([2, 0]);
  });

  it('counts as written where it was written only, and clears what was', () => {
    const memory = slabMemory();
    memory.store32((FIRST + 300) * 4096, 1);
    const written = () => [...memory.segments()].map(({ firstFrame }) => firstFrame - FIRST);
    expect(written()).toEqual([288]);
    memory.clearFrames(FIRST + 100, 300);
    expect([memory.load32((FIRST + 300) * 4096), ...written()]).toEqual([0, 288]);
    const fork = memory.fork();
    fork.store32((FIRST + 20) * 4096, 5);
    fork.clearFrames(FIRST + 10, 20);
    expect([fork.load32((FIRST + 20) * 4096), memory.load32((FIRST + 20) * 4096)]).toEqual([0, 0]);
    expect(slabWord(memory, FIRST + 20, 0)).toBe(0);
  });

  it('shares with a fork every segment neither has written since', () => {
    const memory = slabMemory();
    memory.store32(FIRST * 4096, 1);
    memory.store32((FIRST + 256) * 4096, 1);
    memory.store32(0x100000, 1);
    const fork = memory.fork();
    const shared = () => [FIRST, FIRST + 256, 0x100].map((at) => memory.segment(at) === fork.segment(at));
    expect(shared()).toEqual([true, true, true]);
    memory.store32(FIRST * 4096, 2);
    fork.store32(0x100000, 2);
    expect(shared()).toEqual([false, true, false]);
  });

  it('covers a power of two of frames from the beginning of an aligned 64 MiB', () => {
    const memory = new HostMemory(2 ** 38);
    memory.useSlab(FIRST + 5000);
    memory.store32((FIRST + 5000) * 4096, 1);
    expect([memory.slabFirst, memory.slabFrames]).toEqual([FIRST, 8192]);
    expect(slabWord(memory, FIRST + 5000, 0)).toBe(1);
    const cut = new HostMemory((FIRST + 1500) * 4096);
    cut.useSlab(FIRST);
    cut.store32((FIRST + 1023) * 4096, 2);
    cut.store32((FIRST + 1024) * 4096, 3);
    expect([cut.slabFrames, cut.load32((FIRST + 1024) * 4096)]).toEqual([1024, 3]);
  });

  it('ends with memory, and is not made for a memory with holes', () => {
    const small = new HostMemory((FIRST + 512) * 4096);
    small.useSlab(FIRST);
    small.store32((FIRST + 300) * 4096, 1);
    expect(small.slabFrames).toBe(512);
    const dump = new HostMemory(2 ** 38, () => false);
    dump.useSlab(FIRST);
    dump.store32(FIRST * 4096, 1);
    expect(dump.slabFrames).toBe(0);
  });

  it('is read as it was when it was forked, also in several goes while its origin goes on writing in place', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(600), { minLength: 1, maxLength: 60 }),
        fc.array(fc.record({ frame: fc.nat(600), goesBefore: fc.nat(8) }), { maxLength: 60 }),
        (before, after) => {
          const memory = slabMemory();
          for (const at of before) memory.store32((FIRST + at) * 4096, at + 1);
          const fork = memory.fork();
          const read: [number, number][] = [];
          const frames = fork.writtenFrames();
          const go = () => {
            const { value } = frames.next();
            if (value !== undefined) read.push([value.frame - FIRST, value.bytes[0] + 256 * value.bytes[1]]);
            return value !== undefined;
          };
          for (const { frame, goesBefore } of after) {
            for (let count = 0; count < goesBefore; count++) go();
            memory.store32((FIRST + frame) * 4096, 0x7777);
          }
          while (go());
          expect(read).toEqual([...new Set(before)].sort((a, b) => a - b).map((at) => [at, at + 1]));
        },
      ),
    );
  });
});
