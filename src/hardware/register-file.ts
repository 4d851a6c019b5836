import { type U64, u64 } from '../bits/u64.js';
import type { FieldAccess, RegisterDefinition } from '../layout/registers.js';

/**
 * The storage behind a unit's registers, 32 bits at a time, with the access rules of each bit. It knows
 * nothing of what registers do; the unit acts after a write.
 */
export class RegisterFile {
  private readonly words: Uint32Array;
  private readonly writable: Uint32Array;
  private readonly writeOneToClear: Uint32Array;
  private readonly hidden: Uint32Array;

  /**
   * @param map the registers that exist; everywhere else reads give 0 and writes are ignored
   * @param bytes size of the register set
   */
  constructor(
    readonly map: readonly RegisterDefinition[],
    readonly bytes: number,
  ) {
    this.words = new Uint32Array(bytes / 4);
    this.writable = masks(map, bytes, ['RW', 'WO']);
    this.writeOneToClear = masks(map, bytes, ['W1C']);
    this.hidden = masks(map, bytes, ['WO']);
    for (const { offset, bytes: width, reset } of map) {
      this.words[offset / 4] = reset.lo;
      if (width === 8) this.words[offset / 4 + 1] = reset.hi;
    }
  }

  /** What software reads: write-only fields as 0. */
  read(offset: number): number {
    return (this.words[offset >>> 2] & ~this.hidden[offset >>> 2]) >>> 0;
  }

  /** What software writes: read-only and reserved bits stay. */
  write(offset: number, value: number): void {
    const at = offset >>> 2;
    const mask = this.writable[at];
    this.words[at] = ((this.words[at] & ~mask) | (value & mask)) & ~(value & this.writeOneToClear[at]);
  }

  /** The bits as they are. */
  load(offset: number): number {
    return this.words[offset >>> 2];
  }

  /** The unit's own change, past the access rules. */
  store(offset: number, value: number): void {
    this.words[offset >>> 2] = value;
  }

  load64(offset: number): U64 {
    return u64(this.words[(offset >>> 2) + 1], this.words[offset >>> 2]);
  }

  store64(offset: number, value: U64): void {
    this.words[offset >>> 2] = value.lo;
    this.words[(offset >>> 2) + 1] = value.hi;
  }

  setBits(offset: number, bits: number): void {
    this.words[offset >>> 2] |= bits;
  }

  clearBits(offset: number, bits: number): void {
    this.words[offset >>> 2] &= ~bits;
  }
}

function masks(
  map: readonly RegisterDefinition[],
  bytes: number,
  access: readonly FieldAccess[],
): Uint32Array {
  const out = new Uint32Array(bytes / 4);
  for (const { offset, fields } of map) {
    for (const field of fields) {
      if (!access.includes(field.access)) continue;
      for (let bit = field.first; bit <= field.last; bit++) out[offset / 4 + (bit >>> 5)] |= 1 << (bit & 31);
    }
  }
  return out;
}
