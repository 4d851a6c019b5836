import fc from 'fast-check';
import { flushOrder } from '../../../src/kernel/intel/flush-domain.js';

const run = fc.record({
  pfn: fc.oneof(fc.integer({ min: 0, max: 70000 }), fc.integer({ min: 0, max: 2 ** 36 })),
  pages: fc.integer({ min: 1, max: 5000 }),
});

describe('the order of a page-selective flush', () => {
  it('is the length, rounded up, in the older rule', () => {
    fc.assert(
      fc.property(run, ({ pfn, pages }) => {
        expect(2 ** flushOrder({ pfn, pages }, false)).toBe(2 ** Math.ceil(Math.log2(pages)));
      }),
    );
  });

  it('is the smallest aligned block that holds the run, in the later one', () => {
    fc.assert(
      fc.property(run, ({ pfn, pages }) => {
        let order = 0;
        const holds = (lg2: number) => {
          const size = 2 ** lg2;
          const base = pfn - (pfn % size);
          return base + size >= pfn + pages;
        };
        while (!holds(order)) order++;
        expect(flushOrder({ pfn, pages }, true)).toBe(order);
      }),
    );
  });
});
