import { u64 } from '../../bits/u64.js';
import { INTERRUPT_ADDRESS_BASE, packRemappableMessage } from '../../layout/remappable-message.js';
import type { KernelError } from '../errno.js';
import {
  type EntryBlock,
  allocateEntries,
  clearEntry,
  freeEntries,
  remappingUnitOf,
  writeEntry,
} from '../intel/interrupt-entries.js';
import type { KernelDevice } from '../device/kernel-device.js';
import { refusal } from '../refusal.js';
import type { KernelState } from '../state.js';
import type { DeviceInterrupt, InterruptKind } from './device-interrupt.js';
import { MIRRORS, chooseKind, switchMessagesOff, switchMessagesOn } from './message-capability.js';
import type { ProcessorVector } from './processor-vectors.js';

/** What an interrupt is sent to between its allocation and its request. Linux: MANAGED_IRQ_SHUTDOWN_VECTOR. */
const NOT_REQUESTED = 0xef;
/** Destination Mode of a message in compatibility format: logical. */
const LOGICAL = 0x4;

/**
 * Gives a device as many interrupts as its driver asks for, by MSI-X or else MSI, and sends each to a vector.
 * All or none. Every entry is written when it is allocated, when the interrupt is requested and when its
 * processor is settled. Linux: pci_alloc_irq_vectors(), msi_domain_alloc_irqs(), request_irq().
 */
export function requestInterrupts(state: KernelState, device: KernelDevice, count: number): void {
  const unit = remappingUnitOf(state, device);
  const kind = chooseKind(device, count, { remapped: unit !== null });
  const extended = state.interruptRemapping.mode === 'x2apic';
  const made = device.interrupts;
  let block: EntryBlock | null = null;
  for (let number = 0; number < count; number++) {
    const isFirst = kind === 'MSI_X' || number === 0;
    const target = state.vectors.allocate(extended);
    if (target !== null && unit !== null && isFirst)
      block = allocateEntries(unit, kind === 'MSI_X' ? 1 : count);
    if (target === null || (unit !== null && block === null)) {
      if (target !== null) {
        state.vectors.free(target);
        state.log.print('DMAR-IR: Failed to allocate IRTE');
      }
      for (const { block: written, target: held } of made) {
        if (written !== null) written.unit.interruptSlots.free(written.first, written.order);
        state.vectors.free(held);
      }
      made.length = 0;
      throw noneLeft(device, count, target === null);
    }
    made.push(interruptOf(kind, number, target, block, isFirst));
  }
  for (const { entry, target } of made)
    if (entry !== null)
      writeEntry(state, device, entry.unit, entry.index, { ...target, vector: NOT_REQUESTED });
  for (const { entry, target } of made) {
    if (entry === null) continue;
    writeEntry(state, device, entry.unit, entry.index, target);
    writeEntry(state, device, entry.unit, entry.index, target);
  }
  switchMessagesOn(device, kind);
}

/**
 * Takes them away again: no entry lets a message of the device through from here on.
 * Linux: free_irq(), pci_free_irq_vectors().
 */
export function freeInterrupts(state: KernelState, device: KernelDevice): void {
  const { interrupts } = device;
  if (interrupts.length === 0) return;
  for (const { entry } of interrupts) if (entry !== null) clearEntry(entry.unit, entry.index);
  switchMessagesOff(device, interrupts[0].kind);
  for (const { block, target } of interrupts) {
    if (block !== null) freeEntries(block);
    state.vectors.free(target);
  }
  interrupts.length = 0;
}

function interruptOf(
  kind: InterruptKind,
  number: number,
  target: ProcessorVector,
  block: EntryBlock | null,
  isFirst: boolean,
): DeviceInterrupt {
  if (block === null) {
    const address = u64(0, INTERRUPT_ADDRESS_BASE | (target.destination << 12) | LOGICAL);
    return { number, kind, address, data: target.vector, target, entry: null, block: null };
  }
  const subhandle = isFirst ? 0 : number;
  const message = packRemappableMessage({ handle: block.first, subhandleValid: true, subhandle });
  const entry = { unit: block.unit, index: block.first + subhandle };
  return { number, kind, ...message, target, entry, block: isFirst ? block : null };
}

function noneLeft(device: KernelDevice, count: number, ofProcessors: boolean): KernelError {
  const what = ofProcessors ? 'no processor has a vector left' : 'its unit has no table entries left';
  const rule = `${device.name} cannot have ${count} interrupts: ${what}.`;
  return refusal('ENOSPC', MIRRORS, rule, { code: 'NO_INTERRUPT_LEFT', subject: device.subject });
}
