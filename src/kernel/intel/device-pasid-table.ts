import { pciAddressOf } from '../../bits/pci-address.js';
import type { KernelDevice } from '../device/kernel-device.js';
import { dmaAliases } from '../pci/dma-alias.js';
import type { KernelState } from '../state.js';
import { noTableMemory } from '../table-memory.js';
import type { DeviceDomainInfo } from './device-domain-info.js';
import { maxPasids } from './device-tlb-control.js';
import { PasidTable } from './pasid-table.js';

/**
 * The table of the device that has a DMA alias for its own requester id, or a new one. A bridge that sends
 * requests under an id of its secondary bus has another one itself. Later kernels share none, so that a
 * device which goes clears nobody else's entry.
 * Linux: intel_pasid_alloc_table(), get_alias_pasid_table().
 */
export function pasidTableFor(state: KernelState, device: KernelDevice, info: DeviceDomainInfo): PasidTable {
  const kept = device.keptPasidTable;
  if (kept !== null) {
    device.keptPasidTable = null;
    return kept;
  }
  const shared = state.profile.sharesPasidTables ? tableOfAlias(state, device) : null;
  if (shared !== null) {
    shared.users++;
    return shared;
  }
  const max = info.pasidSupported ? Math.min(maxPasids(device.fn), unitMaxPasids(state)) : 0;
  const table = PasidTable.allocate(state.memory, state.frames, max);
  if (table === null) {
    state.log.printFor(device, 'DMAR: PASID table allocation failed');
    throw noTableMemory(state, 'ENOMEM', 'intel_pasid_alloc_table', 'a PASID table');
  }
  table.users++;
  return table;
}

function tableOfAlias(state: KernelState, device: KernelDevice): PasidTable | null {
  const { topology } = state.machine;
  for (const { fn, sourceId } of dmaAliases(topology, device.fn)) {
    const owner = topology.find(pciAddressOf(fn.address.domain, sourceId));
    const table = (owner && state.deviceOf(owner))?.info?.pasidTable ?? null;
    if (table !== null) return table;
  }
  return null;
}

/** What every unit can tell apart. Linux: intel_pasid_max_id. */
export function unitMaxPasids(state: KernelState): number {
  const widths = state.activeUnits
    .filter((unit) => unit.pasidSupported)
    .map((unit) => unit.capabilities.PSS + 1);
  return 2 ** Math.min(20, ...widths);
}
