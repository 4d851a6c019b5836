import type { KernelDevice } from '../device/kernel-device.js';
import { tearDownPasidEntry } from '../intel/pasid-entry-setup.js';
import type { KernelState } from '../state.js';
import { wholly } from '../steps.js';
import type { ProcessMemory } from './process-memory.js';

/** What a device shares with any process ends: its driver goes, or its PASID table. */
export function endBonds(state: KernelState, device: KernelDevice): void {
  for (const mm of [...state.processes.values()]) if (mm.bonds.has(device)) endBond(state, device, mm);
}

/**
 * No request of the device is on its way between two commands, so none has to be waited for.
 * Linux: intel_pasid_tear_down_entry(), intel_svm_drain_prq().
 */
export function endBond(state: KernelState, device: KernelDevice, mm: ProcessMemory): void {
  mm.bonds.delete(device);
  tearDownPasidEntry(state, device, mm.pasid);
  device.pendingPageRequests.length = 0;
  endIfUnused(state, mm);
  state.changed('SVA_UNBOUND', device.subject);
}

/** A process nobody shares any more is not looked at. */
export function endIfUnused(state: KernelState, mm: ProcessMemory): void {
  if (mm.bonds.size > 0) return;
  state.processes.delete(mm.pid);
  state.pasids.free(mm.pasid);
  wholly(mm.table.destroy());
  mm.userMemory.release();
}
