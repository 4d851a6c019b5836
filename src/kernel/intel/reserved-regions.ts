import { u64, u64FromNumber } from '../../bits/u64.js';
import type { KernelDevice } from '../device/kernel-device.js';
import type { ReservedRegion } from '../iommu/reserved-region.js';
import type { KernelState } from '../state.js';
import { reservedMemoryOf } from './rmrr.js';

/** Class code of an ISA bridge. */
const ISA_BRIDGE = 0x0601;

/** Interrupt messages go here and are never translated. */
const MSI_WINDOW: ReservedRegion = {
  start: u64(0, 0xfee00000),
  last: u64(0, 0xfeefffff),
  type: 'MSI',
  read: false,
  write: false,
};

/**
 * Ranges a device's address space must treat specially: its reserved memory, the first 16 MiB of an ISA
 * bridge for the floppy controller behind it, and the interrupt window.
 * Linux: intel_iommu_get_resv_regions().
 */
export function intelReservedRegions(state: KernelState, device: KernelDevice): ReservedRegion[] {
  const regions: ReservedRegion[] = [];
  if (state.dmar !== null) {
    for (const { start, last, relaxable } of reservedMemoryOf(
      state.dmar,
      state.machine.topology,
      device.fn,
    )) {
      regions.push({ start, last, type: relaxable ? 'DIRECT_RELAXABLE' : 'DIRECT', read: true, write: true });
    }
  }
  if (device.fn.classCode >>> 8 === ISA_BRIDGE && state.options.isOn('CONFIG_INTEL_IOMMU_FLOPPY_WA')) {
    regions.push({
      start: u64(0, 0),
      last: u64FromNumber((1 << 24) - 1),
      type: 'DIRECT_RELAXABLE',
      read: true,
      write: true,
    });
  }
  return [...regions, MSI_WINDOW];
}
