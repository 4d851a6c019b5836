import { parseHex, u64, type U64 } from '../../../src/bits/u64.js';

/** A 64-bit word from the hexadecimal a specification or a register dump shows. */
export function word(text: string): U64 {
  const value = parseHex(text);
  if (value === null) throw new Error(`not a hexadecimal word: ${text}`);
  return value;
}

/** The same from a BigInt; tests may use them, the code under test does not. */
export function wordOf(value: bigint): U64 {
  return u64(Number(BigInt.asUintN(64, value) >> 32n), Number(value & 0xffffffffn));
}

export function bigOf(value: U64): bigint {
  return (BigInt(value.hi) << 32n) | BigInt(value.lo);
}

/** 16 digits with `0x`, the form expected words are written in. */
export function hex64(value: U64): string {
  return '0x' + bigOf(value).toString(16).toUpperCase().padStart(16, '0');
}
