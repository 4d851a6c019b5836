import fc from 'fast-check';
import { u64 } from '../../../src/bits/u64.js';
import { SecondStageWalker, WALK } from '../../../src/hardware/translate/second-stage-walk.js';
import { HostMemory } from '../../../src/memory/host-memory.js';

const HAW = 39;
const ROOT = 0x10;
const CAPABILITIES = { SC: false, SSLPS: 3 };

function walkerOver(memory: HostMemory): SecondStageWalker {
  return new SecondStageWalker(memory, CAPABILITIES, HAW);
}

/** Four levels at frames 0x10 to 0x13 mapping address 0 to frame 0x7ABCD. */
function fourLevels(memory = new HostMemory(2 ** HAW)): HostMemory {
  for (let frame = ROOT; frame < ROOT + 3; frame++)
    memory.store64(frame * 4096, u64(0, ((frame + 1) << 12) | 3));
  memory.store64((ROOT + 3) * 4096, u64(0, 0x7abcd003));
  return memory;
}

const outcome = (walker: SecondStageWalker, top: number, hi: number, lo: number, need: number) => {
  const end = walker.walk(ROOT, top, 3, hi, lo, need);
  const { level, leafHi, leafLo, tableFrame, permissions, permissionsAbove } = walker;
  return end === WALK.MAPPED
    ? { end, level, leafHi, leafLo, tableFrame, permissions, permissionsAbove }
    : { end, level };
};

describe('SecondStageWalker', () => {
  test('finds the leaf and what all levels grant together', () => {
    const memory = fourLevels();
    memory.store64((ROOT + 1) * 4096, u64(0, ((ROOT + 2) << 12) | 1));
    expect(outcome(walkerOver(memory), 4, 0, 0x678, 1)).toEqual({
      end: WALK.MAPPED,
      level: 1,
      leafHi: 0,
      leafLo: 0x7abcd003,
      tableFrame: ROOT + 3,
      permissions: 1,
      permissionsAbove: 1,
    });
  });

  /** Frames 0x10 to 0x13, in segment 0 or spread over others, entries drawn around the interesting bits. */
  const bits = fc.constantFrom(
    0n,
    1n,
    2n,
    0x80n,
    0x100n,
    0x800n,
    0x1000n,
    1n << 20n,
    1n << 38n,
    1n << 39n,
    1n << 62n,
    1n << 63n,
  );
  const entry = fc
    .tuple(
      fc.constantFrom(0x11n, 0x12n, 0x13n, 0x101n, 0x4000n, 0x7ffffffn),
      fc.constantFrom(0n, 1n, 2n, 3n, 3n, 3n, 3n),
      bits,
    )
    .map(([frame, permissions, extra]) => (frame << 12n) | permissions | extra);

  test('the straight walk and the careful one agree on every table', () => {
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 6, maxLength: 6 }),
        fc.integer({ min: 3, max: 5 }),
        fc.integer({ min: 0, max: 3 }),
        fc.constantFrom(0, 0x100, 0x8000),
        (entries, top, need, firstOfSlab) => {
          const memory = new HostMemory(2 ** HAW);
          memory.useSlab(firstOfSlab);
          [ROOT, 0x11, 0x12, 0x13, 0x101, 0x4000].forEach((frame, index) => {
            const value = entries[index];
            memory.store64(frame * 4096, u64(Number(value >> 32n), Number(value & 0xffffffffn)));
          });
          const straight = outcome(walkerOver(memory), top, 0, 0, need);
          const careful = walkerOver(memory);
          careful.observer = { visit: () => undefined };
          expect(straight).toEqual(outcome(careful, top, 0, 0, need));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('a table beyond the memory is unreadable, at the top and below', () => {
    const small = fourLevels(new HostMemory(0x12 * 4096));
    expect(outcome(walkerOver(small), 4, 0, 0, 1)).toEqual({ end: WALK.ENTRY_UNREADABLE, level: 2 });
    const tiny = fourLevels(new HostMemory(0x10 * 4096));
    expect(outcome(walkerOver(tiny), 4, 0, 0, 1)).toEqual({ end: WALK.TOP_UNREADABLE, level: 4 });
  });

  test('a hole in a dump is unreadable though other frames of its segment are there', () => {
    const dump = fourLevels(new HostMemory(2 ** HAW, (frame) => frame === ROOT + 3));
    expect(outcome(walkerOver(dump), 4, 0, 0, 1)).toEqual({ end: WALK.ENTRY_UNREADABLE, level: 1 });
  });

  test('sets accessed bits on the way and the dirty bit in a leaf that may be written', () => {
    const memory = fourLevels();
    const walker = walkerOver(memory);
    walker.keepsAccessed = true;
    walker.isSnooped = true;
    walker.setsDirty = true;
    expect(walker.walk(ROOT, 4, 3, 0, 0, 2)).toBe(WALK.MAPPED);
    const flags = [0, 1, 2, 3].map((index) => memory.load64((ROOT + index) * 4096).lo & 0xf00);
    expect(flags).toEqual([0x100, 0x100, 0x100, 0x300]);
  });

  test('without snooped walks the first missing accessed bit ends the walk and nothing is written', () => {
    const memory = fourLevels();
    const walker = walkerOver(memory);
    walker.keepsAccessed = true;
    expect(outcome(walker, 4, 0, 0, 1)).toEqual({ end: WALK.NOT_SNOOPED, level: 4 });
    expect(memory.load64(ROOT * 4096).lo).toBe(0x11003);
  });

  test('a fork of the memory keeps its own accessed bits', () => {
    const memory = fourLevels();
    const fork = memory.fork();
    const walker = walkerOver(fork);
    walker.keepsAccessed = true;
    walker.isSnooped = true;
    walker.walk(ROOT, 4, 3, 0, 0, 1);
    expect(fork.load64(ROOT * 4096).lo).toBe(0x11103);
    expect(memory.load64(ROOT * 4096).lo).toBe(0x11003);
  });

  test('five levels use address bits 56:48 at the top', () => {
    const memory = fourLevels();
    memory.store64(0x20 * 4096 + 8 * 0x155, u64(0, (ROOT << 12) | 3));
    const walker = walkerOver(memory);
    expect(walker.walk(0x20, 5, 3, 0x155 << 16, 0, 1)).toBe(WALK.MAPPED);
    expect(walker.walk(0x20, 5, 3, 0x154 << 16, 0, 1)).toBe(WALK.NOT_PRESENT);
  });
});
