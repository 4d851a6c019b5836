/** Whether an address (32-bit halves, signed or not) has a bit at or above `bits`. */
export function exceedsWidth(hi: number, lo: number, bits: number): boolean {
  if (bits >= 64) return false;
  if (bits > 32) return (hi & bitsBeyond(bits)) !== 0;
  return hi !== 0 || (bits < 32 && lo >>> bits !== 0);
}

/** The bits of an upper half at or above `bits`, which is 33 to 63. */
export function bitsBeyond(bits: number): number {
  return -1 << (bits - 32);
}

/** Whether all bits from `bits - 1` up are equal, for widths above 32. */
export function isCanonical(hi: number, bits: number): boolean {
  return (hi << (64 - bits)) >> (64 - bits) === (hi | 0);
}

/** 0xfee00000 to 0xfeefffff, where memory requests are interrupts. Spec: VT-d 3.15 "Interrupt Address Range". */
export function isInterruptAddress(hi: number, lo: number): boolean {
  return hi === 0 && lo >>> 20 === 0xfee;
}

/** The frame a table entry or pointer names: bits 51:12. Bits above the host address width are checked before. */
export function frameOf(hi: number, lo: number): number {
  return (hi & 0xfffff) * 1048576 + (lo >>> 12);
}
