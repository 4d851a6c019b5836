/**
 * A 64-bit unsigned value as two unsigned 32-bit halves.
 *
 * Registers, table words and addresses that may use all 64 bits are kept this way below `graphql`:
 * a double holds 53 bits, and BigInt is 20 to 50 times slower on the paths that matter. Hot loops use
 * neither this object nor BigInt but the halves themselves.
 */
export interface U64 {
  /** Bits 63:32, 0 to 2^32-1. */
  readonly hi: number;
  /** Bits 31:0, 0 to 2^32-1. */
  readonly lo: number;
}

const TWO_32 = 4294967296;

export const ZERO: U64 = { hi: 0, lo: 0 };
export const ALL_ONES: U64 = { hi: 0xffffffff, lo: 0xffffffff };

/** Builds a value from two halves; each is taken modulo 2^32. */
export function u64(hi: number, lo: number): U64 {
  return { hi: hi >>> 0, lo: lo >>> 0 };
}

/** A non-negative integer below 2^53. */
export function u64FromNumber(value: number): U64 {
  return { hi: Math.floor(value / TWO_32) >>> 0, lo: value >>> 0 };
}

/** The value as a double; exact below 2^53, rounded above. */
export function u64ToNumber(value: U64): number {
  return value.hi * TWO_32 + value.lo;
}

/** Frame number: the value divided by 4096, at most 52 bits, so always exact. */
export function pfnOf(value: U64): number {
  return value.hi * 1048576 + (value.lo >>> 12);
}

/** The 12 bits below the frame number. */
export function pageOffsetOf(value: U64): number {
  return value.lo & 0xfff;
}

/** The address of the first byte of a frame. */
export function u64FromPfn(pfn: number, pageOffset = 0): U64 {
  return { hi: Math.floor(pfn / 1048576) >>> 0, lo: (((pfn % 1048576) << 12) | pageOffset) >>> 0 };
}

export function compareU64(a: U64, b: U64): number {
  return a.hi === b.hi ? a.lo - b.lo : a.hi - b.hi;
}

export function equalU64(a: U64, b: U64): boolean {
  return a.hi === b.hi && a.lo === b.lo;
}

export function isZero(value: U64): boolean {
  return value.hi === 0 && value.lo === 0;
}

/** The sum modulo 2^64. */
export function addU64(a: U64, b: U64): U64 {
  const lo = a.lo + b.lo;
  return u64(a.hi + b.hi + (lo >= TWO_32 ? 1 : 0), lo);
}

/** The difference modulo 2^64. */
export function subU64(a: U64, b: U64): U64 {
  return u64(a.hi - b.hi - (a.lo < b.lo ? 1 : 0), a.lo - b.lo);
}

/** Whether the sum does not fit in 64 bits. */
export function addOverflows(a: U64, b: U64): boolean {
  return compareU64(addU64(a, b), a) < 0;
}

export function andU64(a: U64, b: U64): U64 {
  return u64(a.hi & b.hi, a.lo & b.lo);
}

export function orU64(a: U64, b: U64): U64 {
  return u64(a.hi | b.hi, a.lo | b.lo);
}

export function notU64(a: U64): U64 {
  return u64(~a.hi, ~a.lo);
}

/** Shift left by 0 to 63. */
export function shiftLeft(value: U64, bits: number): U64 {
  if (bits === 0) return value;
  if (bits >= 32) return u64(value.lo << (bits - 32), 0);
  return u64((value.hi << bits) | (value.lo >>> (32 - bits)), value.lo << bits);
}

/** Logical shift right by 0 to 63. */
export function shiftRight(value: U64, bits: number): U64 {
  if (bits === 0) return value;
  if (bits >= 32) return u64(0, value.hi >>> (bits - 32));
  return u64(value.hi >>> bits, (value.lo >>> bits) | (value.hi << (32 - bits)));
}

/** A value with bits `last`..`first` set, both inclusive, 0 to 63. */
export function maskOf(last: number, first: number): U64 {
  return shiftLeft(shiftRight(ALL_ONES, 63 - (last - first)), first);
}

/** Bits `last`..`first` (inclusive) as a number; exact for fields of at most 53 bits. */
export function field(value: U64, last: number, first: number): number {
  return u64ToNumber(shiftRight(andU64(value, maskOf(last, first)), first));
}

/** The value with bits `last`..`first` replaced by a non-negative integer below 2^53. */
export function withField(value: U64, last: number, first: number, content: number): U64 {
  const mask = maskOf(last, first);
  return orU64(andU64(value, notU64(mask)), andU64(shiftLeft(u64FromNumber(content), first), mask));
}

export function bit(value: U64, position: number): boolean {
  return position >= 32 ? ((value.hi >>> (position - 32)) & 1) === 1 : ((value.lo >>> position) & 1) === 1;
}

/** Lowercase hexadecimal without prefix or leading zeros, as the kernel's `%llx`. */
export function toHexDigits(value: U64): string {
  return value.hi === 0
    ? value.lo.toString(16)
    : value.hi.toString(16) + value.lo.toString(16).padStart(8, '0');
}

/** Lowercase hexadecimal with `0x` and no leading zeros. */
export function toHex(value: U64): string {
  return '0x' + toHexDigits(value);
}

/** Parses 1 to 16 hexadecimal digits with or without `0x`; null for anything else. */
export function parseHex(text: string): U64 | null {
  const match = /^(?:0x)?([0-9a-f]{1,16})$/i.exec(text);
  if (!match) return null;
  const digits = match[1].padStart(16, '0');
  return { hi: parseInt(digits.slice(0, 8), 16), lo: parseInt(digits.slice(8), 16) };
}
