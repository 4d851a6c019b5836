import fc from 'fast-check';
import { parseNumberText, parseNumberValue, toBigInt } from '../../src/graphql/number-text.js';

const U64_MAX = (1n << 64n) - 1n;

describe('64-bit numbers as text', () => {
  test('every value below 2^64 reads back from its hexadecimal and its decimal form', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, U64_MAX), (value) => {
        expect(toBigInt(parseNumberText('Address', `0x${value.toString(16)}`, false))).toBe(value);
        expect(toBigInt(parseNumberText('Address', value.toString(), false))).toBe(value);
      }),
    );
  });

  test.each([
    ['4K', 4096n],
    ['2M', 2097152n],
    ['1G', 1073741824n],
    ['1T', 1099511627776n],
    ['2m', 2097152n],
    ['18446744073709551615', U64_MAX],
  ])('a size of %s is %s bytes', (text, bytes) => {
    expect(toBigInt(parseNumberText('ByteSize', text, true))).toBe(bytes);
  });

  test.each(['', '-1', '0x', '1.5', '4K4', '0x4K', 'abc', '12 34'])('"%s" is not a size', (text) => {
    expect(() => parseNumberText('ByteSize', text, true)).toThrow('ByteSize cannot be');
  });

  test('an address takes no suffix', () => {
    expect(() => parseNumberText('Address', '4K', false)).toThrow('Address cannot be "4K"');
  });

  test.each(['18446744073709551616', '0x10000000000000000', '16777216T'])(
    '%s does not fit in 64 bits',
    (text) => {
      expect(() => parseNumberText('ByteSize', text, true)).toThrow('does not fit in 64 bits');
    },
  );

  test('a JSON number above 2^53-1 is refused because it was rounded', () => {
    expect(() => parseNumberValue('Address', 2 ** 53, false)).toThrow('rounded by JSON');
  });

  test.each([-1, 1.5, null, true, {}])('the JSON value %p is refused', (value) => {
    expect(() => parseNumberValue('Address', value, false)).toThrow('Address cannot be');
  });
});
