import fc from 'fast-check';
import { u64 } from '../../../src/bits/u64.js';
import { chunkOrder } from '../../../src/kernel/iommu/page-size.js';

/** The rule told the long way, with BigInt: the largest supported power of two that fits and divides. */
function twin(bitmap: bigint, pfn: bigint, physicalPfn: bigint, pages: bigint): number {
  let best = 0;
  for (let order = 0n; order < 52n; order++) {
    const size = 1n << order;
    if (size > pages || pfn % size !== 0n || physicalPfn % size !== 0n) break;
    if (((bitmap >> (order + 12n)) & 1n) === 1n) best = Number(order);
  }
  return best;
}

const pfn = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 4096 }),
  fc.tuple(fc.integer({ min: 0, max: 44 }), fc.integer({ min: 1, max: 3 })).map(([lg2, n]) => 2 ** lg2 * n),
  fc.integer({ min: 0, max: 2 ** 46 }),
);

describe('iommu_pgsize()', () => {
  it.each([
    ['every size', u64(0xffffffff, 0xfffff000)],
    ['4 KiB, 2 MiB and 1 GiB', u64(0, 0x40201000)],
  ])('cuts as its twin does, with %s', (_title, bitmap) => {
    const whole = (BigInt(bitmap.hi) << 32n) | BigInt(bitmap.lo);
    fc.assert(
      fc.property(
        pfn,
        pfn,
        fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 2 ** 45 })),
        (a, b, n) => {
          expect(chunkOrder(bitmap, a, b, n)).toBe(twin(whole, BigInt(a), BigInt(b), BigInt(n)));
        },
      ),
      { numRuns: 500 },
    );
  });
});
