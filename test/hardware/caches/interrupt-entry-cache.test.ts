import fc from 'fast-check';
import { ZERO } from '../../../src/bits/u64.js';
import { InterruptEntryCache } from '../../../src/hardware/caches/interrupt-entry-cache.js';

function filled(indices: readonly number[]): InterruptEntryCache {
  const cache = new InterruptEntryCache();
  for (const index of indices) cache.insert(index, [ZERO, ZERO]);
  return cache;
}

const held = (cache: InterruptEntryCache) => [...cache.entries()].map(([index]) => index);

describe('interrupt entry cache', () => {
  test('an index-selective invalidation drops a naturally aligned block', () => {
    const cache = filled([0x1f, 0x20, 0x21, 0x23, 0x24]);
    expect(cache.invalidateIndices(0x22, 2)).toBe(3);
    expect(held(cache)).toEqual([0x1f, 0x24]);
  });

  test('agrees with comparing index bits above the mask', () => {
    const indices = fc.uniqueArray(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 });
    fc.assert(
      fc.property(
        indices,
        fc.integer({ min: 0, max: 0xffff }),
        fc.integer({ min: 0, max: 16 }),
        (all, index, mask) => {
          const cache = filled(all);
          cache.invalidateIndices(index, mask);
          expect(held(cache)).toEqual(all.filter((each) => each >>> mask !== index >>> mask));
        },
      ),
    );
  });

  test('keeps 512 entries and gives up the oldest', () => {
    const cache = filled(Array.from({ length: 513 }, (_, index) => index));
    expect(cache.lookup(0)).toBeNull();
    expect(cache.invalidateAll()).toBe(512);
  });
});
