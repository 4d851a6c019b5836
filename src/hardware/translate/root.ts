import { ROOT_ENTRY_BYTES, reservedInTablePointer } from '../../layout/root-entry.js';
import { frameOf } from './address.js';
import type { TranslationContext } from './context.js';
import { readEntry, wordsOf } from './table-reader.js';
import type { Walk } from './walk.js';

/**
 * Step 3: the root entry of the bus, which leads to the context table. Root entries are not cached: a
 * context-cache hit makes them unnecessary. Spec: VT-d 3.4.2 and 3.4.3 "Legacy / Scalable Mode Address Translation".
 */
export class RootLookup {
  /** Host frame of the context table found. */
  contextTable = 0;
  private readonly entry = new Int32Array(4);
  private readonly reserved: Int32Array;

  constructor(private readonly unit: TranslationContext) {
    this.reserved = wordsOf([reservedInTablePointer(unit.hostAddressWidth)]);
  }

  /** Returns a fault reason, or 0 with {@link contextTable} set. */
  find(walk: Walk, isScalable: boolean): number {
    const { memory, rootTable } = this.unit;
    const { entry, reserved } = this;
    const bus = walk.sourceId >>> 8;
    if (!readEntry(memory, walk, 'ROOT', rootTable.address / 4096, bus, ROOT_ENTRY_BYTES, entry)) {
      return isScalable ? 0x38 : 0x08;
    }
    // A scalable root entry is two pointers; the half of the other functions is not looked at.
    const half = isScalable && (walk.sourceId & 0x80) !== 0 ? 2 : 0;
    if ((entry[half] & 1) === 0) return isScalable ? 0x39 : 0x01;
    const isReserved =
      ((entry[half] & reserved[0]) | (entry[half + 1] & reserved[1])) !== 0 ||
      (!isScalable && (entry[2] | entry[3]) !== 0);
    if (isReserved) return isScalable ? 0x3a : 0x0a;
    this.contextTable = frameOf(entry[half + 1], entry[half]);
    return 0;
  }
}
