import fc from 'fast-check';
import { DomainIds } from '../../../src/kernel/intel/domain-ids.js';
import { PasidAllocator } from '../../../src/kernel/intel/pasid-allocator.js';

describe('PASIDs', () => {
  it('are given out lowest first, as a plain set would', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 12 }))), (steps) => {
        const pasids = new PasidAllocator();
        const twin = new Set<number>();
        for (const [take, number] of steps) {
          if (take) {
            let lowest = 1;
            while (twin.has(lowest)) lowest++;
            const expected = lowest <= number ? lowest : null;
            expect(pasids.allocate(1, number)).toBe(expected);
            if (expected !== null) twin.add(expected);
          } else {
            expect(pasids.free(number)).toBe(twin.delete(number));
          }
        }
      }),
    );
  });
});

describe('domain ids', () => {
  it('start at 1 in legacy mode and at 2 in scalable mode', () => {
    expect(new DomainIds(16, false).allocate()).toBe(1);
    expect(new DomainIds(16, true).allocate()).toBe(2);
  });

  it('end with the last one, and count the reserved ones as used', () => {
    const ids = new DomainIds(16, true);
    const given = Array.from({ length: 15 }, () => ids.allocate());
    expect(given).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, null]);
    expect(ids.used).toBe(16);
    ids.free(7);
    expect(ids.allocate()).toBe(7);
  });
});
