import fc from 'fast-check';
import { packDeviceRange, pageRangeOf, parseDeviceRange } from '../../../src/layout/invalidation/index.js';

/** The rule as the specification tells it: from bit 12 up, the first 0 bit gives half the size. */
function twin(word: bigint, flagBit: bigint): { first: bigint; pages: bigint } {
  const pfn = word >> 12n;
  if (((word >> flagBit) & 1n) === 0n) return { first: pfn, pages: 1n };
  let pages = 2n;
  for (let bit = 0n; bit < 52n && ((pfn >> bit) & 1n) === 1n; bit++) pages *= 2n;
  if (pages > 2n ** 52n) pages = 2n ** 52n;
  return { first: pfn - (pfn % pages), pages };
}

describe('device-TLB address coding', () => {
  test.each([0, 11])('agrees with the rule bit by bit, flag at bit %i', (flagBit) => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (raw) => {
        const word = (raw & ~0xfffn) | ((raw & 1n) << BigInt(flagBit));
        const range = parseDeviceRange({ hi: Number(word >> 32n), lo: Number(word & 0xffffffffn) }, flagBit);
        expect({ first: BigInt(range.pfn), pages: 2n ** BigInt(range.addressMask) }).toEqual(
          twin(word, BigInt(flagBit)),
        );
      }),
    );
  });

  test('what is packed is read back, rounded down to its own size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 40 }),
        fc.integer({ min: 0, max: 52 }),
        (pfn, addressMask) => {
          const aligned = pageRangeOf(pfn, addressMask);
          expect(parseDeviceRange(packDeviceRange({ pfn, addressMask }, 0), 0)).toEqual(aligned);
          expect(aligned.pfn % 2 ** addressMask).toBe(0);
        },
      ),
    );
  });
});
