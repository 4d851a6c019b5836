import { bit, u64ToNumber } from '../../bits/u64.js';
import type { FaultOccurred } from '../../hardware/events.js';
import { INTERRUPT_FAULT } from '../../hardware/interrupts.js';
import type { WalkStep } from '../../hardware/request.js';
import type { RemappingUnit } from '../../hardware/unit.js';

/** Refused before an entry was looked at, so the index means nothing. */
const WITHOUT_ENTRY: ReadonlySet<number> = new Set([
  INTERRUPT_FAULT.COMPATIBILITY_BLOCKED,
  INTERRUPT_FAULT.NOT_AN_INTERRUPT,
  INTERRUPT_FAULT.EXTENDED_MODE_REQUIRED,
  INTERRUPT_FAULT.REMAPPING_REQUIRED,
]);

/** The interrupt remapping entry a refused message names, as it lies in memory; none when it names none. */
export function interruptStep(unit: RemappingUnit, fault: FaultOccurred): WalkStep[] {
  const { base, entries } = unit.interruptTable;
  const index = u64ToNumber(fault.address);
  if (WITHOUT_ENTRY.has(fault.reason) || index >= entries) return [];
  const entryAddress = base + index * 16;
  if (!unit.memory.isReadable(Math.floor(entryAddress / 4096))) return [];
  const words = [unit.memory.load64(entryAddress), unit.memory.load64(entryAddress + 8)];
  return [{ level: 'IRTE', index, entryAddress, words, present: bit(words[0], 0) }];
}
