import { sourceIdOf } from '../../bits/pci-address.js';
import { ZERO } from '../../bits/u64.js';
import type { DecodedLine } from '../../firmware/kernel-log/decoded-line.js';
import type { FaultOccurred } from '../../hardware/events.js';
import type { RemappingUnit } from '../../hardware/unit.js';
import type { Platform } from '../platform.js';

/**
 * A fault as far as a line of some kernel's log tells it, on a machine like the one the line is from. Null
 * for lines about something else, and when no unit of the machine could have refused that requester.
 */
export function faultOfLine(platform: Platform, line: DecodedLine): FaultOccurred | null {
  const { kind, sourceId, reason, address, pasid, access } = line;
  if ((kind !== 'DMA_FAULT' && kind !== 'INTERRUPT_FAULT') || sourceId === null || reason === null)
    return null;
  const unit = unitOf(platform, sourceIdOf(sourceId));
  if (unit === null) return null;
  return {
    type: 'FAULT',
    unit: unit.name,
    sourceId: sourceIdOf(sourceId),
    pasid,
    address: address ?? ZERO,
    access: kind === 'INTERRUPT_FAULT' ? 'INTERRUPT' : (access ?? 'READ'),
    reason: reason.code,
    // A line says nothing of these.
    addressType: 'UNTRANSLATED',
    privileged: false,
    recorded: true,
    recordIndex: null,
  };
}

/** Fault lines name no segment: the unit of the function, else of its neighbours on the bus, else the last one. */
function unitOf({ machine }: Platform, sourceId: number): RemappingUnit | null {
  const functions = [...machine.topology.functions.values()];
  const known =
    functions.find((fn) => fn.sourceId === sourceId && machine.unitFor(fn) !== null) ??
    functions.find((fn) => fn.address.bus === sourceId >>> 8 && machine.unitFor(fn) !== null);
  return (known === undefined ? null : machine.unitFor(known)) ?? machine.units.at(-1) ?? null;
}
