import { type U64, field } from '../bits/u64.js';
import { PASID_DIRECTORY_ENTRY_BYTES } from '../layout/pasid-directory-entry.js';
import { PASID_ENTRY_BYTES } from '../layout/pasid-entry.js';
import { pasidsCovered } from '../layout/scalable-context-entry.js';
import type { HostMemory } from '../memory/host-memory.js';

/** A present entry of a PASID table. */
export interface PresentPasidEntry {
  readonly pasid: number;
  readonly address: number;
  readonly words: readonly U64[];
}

const ENTRIES_PER_TABLE = 4096 / PASID_ENTRY_BYTES;

/**
 * The present PASID-table entries a scalable-mode context entry leads to, in PASID order.
 * Spec: VT-d 9.5 "Scalable-Mode PASID Directory Entry", 9.6 "Scalable-Mode PASID Table Entry".
 */
export function presentPasidEntries(
  memory: HostMemory,
  contextWords: readonly U64[],
  limit: number,
): PresentPasidEntry[] {
  const found: PresentPasidEntry[] = [];
  const [context] = contextWords;
  const directory = tablePointer(context);
  const directoryEntries = pasidsCovered(field(context, 11, 9)) / ENTRIES_PER_TABLE;
  for (let index = 0; index < directoryEntries && found.length < limit; index++) {
    const at = directory + index * PASID_DIRECTORY_ENTRY_BYTES;
    if (!memory.isReadable(Math.floor(at / 4096))) break;
    const entry = memory.load64(at);
    if ((entry.lo & 1) === 0) continue;
    const table = tablePointer(entry);
    if (!memory.isReadable(table / 4096)) continue;
    for (let slot = 0; slot < ENTRIES_PER_TABLE && found.length < limit; slot++) {
      const address = table + slot * PASID_ENTRY_BYTES;
      if ((memory.load32(address) & 1) === 0) continue;
      const words = Array.from({ length: PASID_ENTRY_BYTES / 8 }, (_, word) =>
        memory.load64(address + word * 8),
      );
      found.push({ pasid: index * ENTRIES_PER_TABLE + slot, address, words });
    }
  }
  return found;
}

/** Bits 51:12, in place. */
function tablePointer(entry: U64): number {
  return (entry.hi & 0xfffff) * 4294967296 + ((entry.lo & 0xfffff000) >>> 0);
}
