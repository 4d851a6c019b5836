import { type U64, parseHex, u64, u64FromNumber } from '../bits/u64.js';

/**
 * A 64-bit number as people write it: `"0x1f"`, `"31"` or 31. Null for anything else, numbers a double does
 * not hold exactly among them.
 */
export function parseNumber(value: unknown): U64 | null {
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && value >= 0 ? u64FromNumber(value) : null;
  if (typeof value !== 'string') return null;
  if (/^0x/i.test(value)) return parseHex(value.replace(/^0X/, '0x'));
  if (!/^[0-9]{1,20}$/.test(value)) return null;
  const number = BigInt(value);
  return number >> 64n === 0n ? u64(Number(number >> 32n), Number(number & 0xffffffffn)) : null;
}
