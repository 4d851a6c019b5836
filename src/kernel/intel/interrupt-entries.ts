import { ZERO } from '../../bits/u64.js';
import { packInterruptEntryCacheInvalidation } from '../../layout/invalidation/index.js';
import { type InterruptEntryWords, SOURCE_VALIDATION, packInterruptEntry } from '../../layout/irte.js';
import type { ProcessorVector } from '../interrupt/processor-vectors.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { KernelState } from '../state.js';
import { interruptSource } from './interrupt-source.js';
import type { IntelUnit } from './unit.js';
import { deviceToUnit } from './unit-lookup.js';

/** A block of entries given to one device. Linux: struct irq_2_iommu. */
export interface EntryBlock {
  readonly unit: IntelUnit;
  readonly first: number;
  /** It has 2^order entries. */
  readonly order: number;
}

/** The unit whose table a device's interrupts go through; null where they pass as they are. Linux: map_dev_to_ir(). */
export function remappingUnitOf(state: KernelState, device: KernelDevice): IntelUnit | null {
  if (state.dmar === null || state.interruptRemapping.mode === null) return null;
  const drhd = deviceToUnit(state.dmar, state.machine.topology, device.fn)?.drhd;
  return state.units.find((unit) => unit.drhd === drhd) ?? null;
}

/** As many entries, rounded up to a power of two; null, with a line for the log, when they do not fit. Linux: alloc_irte(). */
export function allocateEntries(unit: IntelUnit, count: number): EntryBlock | null {
  const order = Math.ceil(Math.log2(count));
  const { MHMV } = unit.capabilities;
  if (order > MHMV) {
    const asked = order.toString(16);
    unit.print(
      `DMAR-IR: Requested mask ${asked} exceeds the max invalidation handle mask value ${MHMV.toString(16)}`,
    );
    return null;
  }
  const first = unit.interruptSlots.allocate(order);
  if (first !== null) return { unit, first, order };
  unit.print(`DMAR-IR: IR${unit.sequence}: can't allocate an IRTE`);
  return null;
}

/**
 * Lets an entry send a device's interrupts to a vector: edge triggered, to a logical destination, where the
 * processor may be chosen among those named. Linux: prepare_irte(), modify_irte().
 */
export function writeEntry(
  state: KernelState,
  device: KernelDevice,
  unit: IntelUnit,
  index: number,
  { vector, destination }: ProcessorVector,
): void {
  const { mode, checksSourceId } = state.interruptRemapping;
  const source = interruptSource(state.machine.topology, device.fn);
  const words = packInterruptEntry({
    present: true,
    faultProcessingDisabled: false,
    logicalDestination: true,
    redirectionHint: true,
    levelTriggered: false,
    deliveryMode: 0,
    vector,
    destination: mode === 'x2apic' ? destination : destination << 8,
    sourceId: source.sourceId,
    sourceIdQualifier: 0,
    sourceValidation: checksSourceId ? source.sourceValidation : SOURCE_VALIDATION.NONE,
  });
  store(unit, index, words);
  invalidate(unit, index, 0);
}

/** Linux: intel_irq_remapping_deactivate(). */
export function clearEntry(unit: IntelUnit, index: number): void {
  store(unit, index, [ZERO, ZERO]);
  invalidate(unit, index, 0);
}

/** Gives a block back, absent entries all. Linux: clear_entries(). */
export function freeEntries({ unit, first, order }: EntryBlock): void {
  for (let index = first; index < first + 2 ** order; index++) store(unit, index, [ZERO, ZERO]);
  unit.interruptSlots.free(first, order);
  invalidate(unit, first, order);
}

function store(unit: IntelUnit, index: number, words: InterruptEntryWords): void {
  const address = unit.interruptTableFrame! * 4096 + index * 16;
  words.forEach((word, at) => unit.surroundings.memory.store64(address + at * 8, word));
}

/** Linux: qi_flush_iec(). */
function invalidate(unit: IntelUnit, index: number, indexMask: number): void {
  unit.ring!.submit(unit, packInterruptEntryCacheInvalidation({ selective: true, index, indexMask }));
}
