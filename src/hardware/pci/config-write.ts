import type { CapabilityEntry } from '../../layout/pci/capabilities.js';
import { type WriteMasks, writeMasks } from '../../layout/pci/writable.js';

interface Written {
  readonly config: Uint8Array;
  readonly standardCapabilities: readonly CapabilityEntry[];
  readonly extendedCapabilities: readonly CapabilityEntry[];
}

/** Masks cost as much as the space they describe, and most functions are never written. */
const masksOf = new WeakMap<Written, WriteMasks>();

/** Applies a write as the function would: read-only bits stay, write-1-to-clear bits clear. */
export function writeConfigMasked(fn: Written, offset: number, bytes: 1 | 2 | 4, value: number): void {
  let masks = masksOf.get(fn);
  if (masks === undefined) {
    masks = writeMasks(fn.config, fn.standardCapabilities, fn.extendedCapabilities);
    masksOf.set(fn, masks);
  }
  for (let i = 0; i < bytes; i++) {
    const at = offset + i;
    if (at < 0 || at >= fn.config.length) continue;
    const byte = (value >>> (8 * i)) & 0xff;
    const writable = masks.writable[at];
    fn.config[at] = ((fn.config[at] & ~writable) | (byte & writable)) & ~(byte & masks.clearedByOne[at]);
  }
}
