/**
 * AW of context and PASID entries: 1 is 39 bits in 3 levels, 2 is 48 in 4, 3 is 57 in 5.
 * Spec: VT-d 9.3 "Context Entry", field AW.
 */
export function levelsOfAddressWidth(aw: number): number {
  return aw + 2;
}

/** Bits of input address the tables of an AW value translate (AGAW). */
export function bitsOfAddressWidth(aw: number): number {
  return 30 + 9 * aw;
}

/** The AW value of 39, 48 or 57 bits. */
export function addressWidthOfBits(bits: number): number {
  return (bits - 30) / 9;
}

/** Whether CAP.SAGAW offers an AW value. 2 levels and 6 levels are no longer legal. */
export function isAddressWidthSupported(aw: number, sagaw: number): boolean {
  return aw >= 1 && aw <= 3 && ((sagaw >>> aw) & 1) === 1;
}

/** Texts of the AW values. */
export const ADDRESS_WIDTH_VALUES = {
  1: '39 bits, 3 levels',
  2: '48 bits, 4 levels',
  3: '57 bits, 5 levels',
} as const;
