import { type U64, ZERO, bit, field, toHexDigits, u64FromNumber } from '../../bits/u64.js';
import { presentPasidEntries } from '../../hardware/pasid-table.js';
import { contextEntryAddress } from '../../kernel/intel/context-setup.js';
import type { IntelUnit } from '../../kernel/intel/unit.js';
import { GLOBAL, REGISTER } from '../../layout/registers.js';
import { busDeviceFunction, word } from './format.js';

const HEADER = 'B.D.F\tRoot_entry\t\t\t\tContext_entry\t\t\t\tPASID\tPASID_table_entry\n';

/**
 * A unit's part of `dmar_translation_struct`: one row a present context entry, or a present PASID entry in
 * scalable mode. Linux: dmar_translation_struct_show(), root_tbl_walk(), ctx_tbl_walk().
 */
export function translationStructures(unit: IntelUnit): string {
  if ((unit.read32(REGISTER.GSTS) & GLOBAL.TE) === 0 || unit.rootFrame === null) {
    return `DMA Remapping is not enabled on ${unit.name}\n`;
  }
  const { memory } = unit.surroundings;
  const root = unit.rootFrame * 4096;
  const scalable = field(unit.read64(REGISTER.RTADDR), 11, 10) === 1;
  let text = `IOMMU ${unit.name}: Root Table Address: 0x${toHexDigits(u64FromNumber(root))}\n${HEADER}`;
  for (let sourceId = 0; sourceId < 0x10000; sourceId++) {
    const address = contextEntryAddress(unit, sourceId, false);
    if (address === null) {
      // The kernel leaves a bus at the first entry without a table: an upper half alone is not shown.
      sourceId |= 0xff;
      continue;
    }
    const context = [0, 8, 16, 24].slice(0, scalable ? 4 : 2).map((at) => memory.load64(address + at));
    if (!bit(context[0], 0)) continue;
    const entry = root + (sourceId >>> 8) * 16;
    const way =
      `${busDeviceFunction(sourceId)}\t0x${word(memory.load64(entry + 8))}:0x${word(memory.load64(entry))}` +
      `\t0x${word(context[1])}:0x${word(context[0])}\t`;
    if (!scalable) {
      text += way + pasidColumns(-1, [ZERO, ZERO, ZERO]);
      continue;
    }
    for (const { pasid, words } of presentPasidEntries(memory, context, Infinity)) {
      text += way + pasidColumns(pasid, words);
    }
  }
  return `${text}\n`;
}

function pasidColumns(pasid: number, words: readonly U64[]): string {
  return `${String(pasid).padEnd(6)}\t0x${word(words[2])}:0x${word(words[1])}:0x${word(words[0])}\n`;
}
