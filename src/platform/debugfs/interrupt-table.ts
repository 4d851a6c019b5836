import { type U64, field, toHexDigits, u64FromNumber } from '../../bits/u64.js';
import type { IntelUnit } from '../../kernel/intel/unit.js';
import { isPosted, postedDescriptorAddress } from '../../layout/irte.js';
import { GLOBAL, REGISTER } from '../../layout/registers.js';
import { type PresentInterruptEntry, presentInterruptEntries } from '../interrupt-entries.js';
import { busDeviceFunction, word } from './format.js';

/** Linux: INTR_REMAP_TABLE_ENTRIES. */
const ENTRIES = 65536;
const NOT_ENABLED = 'Interrupt Remapping is not enabled\n';

/**
 * A unit's part of `ir_translation_struct`: its remapped entries, then its posted ones.
 * Linux: ir_translation_struct_show().
 */
export function interruptTable(unit: IntelUnit): string {
  let text = '';
  const frame = unit.interruptTableFrame;
  const address = frame === null ? '' : ` IR table address:${toHexDigits(u64FromNumber(frame * 4096))}\n`;
  if (unit.capabilities.IR) {
    const enabled = frame !== null && (unit.read32(REGISTER.GSTS) & GLOBAL.IRE) !== 0;
    text += `Remapped Interrupt supported on IOMMU: ${unit.name}\n`;
    text += enabled ? address + remappedRows(unit, frame) : NOT_ENABLED;
    text += '\n';
  }
  text += '****\n\n';
  if (unit.capabilities.PI) {
    text += `Posted Interrupt supported on IOMMU: ${unit.name}\n`;
    text += frame === null ? NOT_ENABLED : address + postedRows(unit, frame);
    text += '\n';
  }
  return text;
}

function remappedRows(unit: IntelUnit, frame: number): string {
  const rows = presentEntries(unit, frame)
    .filter(({ words }) => !isPosted(words))
    .map(({ index, words: [low, high] }) => {
      const destination = low.hi.toString(16).padStart(8, '0');
      return ` ${String(index).padEnd(5)} ${sender(high)} ${destination} ${vector(low)}  ${word(high)}\t${word(low)}\n`;
    });
  return ` Entry SrcID   DstID    Vct IRTE_high\t\tIRTE_low\n${rows.join('')}`;
}

function postedRows(unit: IntelUnit, frame: number): string {
  const rows = presentEntries(unit, frame)
    .filter(({ words }) => isPosted(words))
    .map(({ index, words }) => {
      const [low, high] = words;
      const at = postedDescriptorAddress(words);
      const columns = [at.hi, at.lo].map((half) => half.toString(16).padStart(8, '0')).join(' ');
      return ` ${String(index).padEnd(5)} ${sender(high)} ${columns} ${vector(low)}  ${word(high)}\t${word(low)}\n`;
    });
  return ` Entry SrcID   PDA_high PDA_low  Vct IRTE_high\t\tIRTE_low\n${rows.join('')}`;
}

function presentEntries(unit: IntelUnit, frame: number): PresentInterruptEntry[] {
  return [...presentInterruptEntries(unit.surroundings.memory, frame * 4096, ENTRIES)];
}

function sender(high: U64): string {
  return busDeviceFunction(field(high, 15, 0));
}

function vector(low: U64): string {
  return field(low, 23, 16).toString(16).padStart(2, '0');
}
