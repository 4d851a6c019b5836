import type { U64 } from '../../bits/u64.js';
import type { PciFunction } from '../../hardware/pci/function.js';
import type { PciTopology } from '../../hardware/pci/topology.js';
import type { DmarTable } from '../../layout/dmar/table.js';
import { PCI_BASE_CLASS_DISPLAY, PCI_CLASS } from '../../layout/pci/class-codes.js';
import { coversFunction, scopeFunction } from './scope.js';

/** A range firmware wants a device to reach under its physical address. */
export interface ReservedMemory {
  readonly start: U64;
  /** Inclusive. */
  readonly last: U64;
  /** Needed only while firmware drives the device, so user space may take it over all the same. */
  readonly relaxable: boolean;
}

/**
 * Reserved memory of a function: every structure with a scope that names it or a bridge above it, once
 * for each such scope, the structure that came last in the table first, as the kernel keeps its list.
 * Linux: intel_iommu_get_resv_regions().
 */
export function reservedMemoryOf(dmar: DmarTable, topology: PciTopology, fn: PciFunction): ReservedMemory[] {
  const relaxable = isRelaxable(fn);
  const found: ReservedMemory[] = [];
  for (const structure of dmar.structures.toReversed()) {
    if (structure.kind !== 'RMRR') continue;
    for (const scope of structure.scopes) {
      if (!coversFunction(topology, scopeFunction(topology, structure.segment, scope), fn)) continue;
      found.push({ start: structure.base, last: structure.last, relaxable });
    }
  }
  return found;
}

/**
 * Whether reserved memory keeps a function from being given to user space. Linux: device_is_rmrr_locked().
 */
export function isRmrrLocked(dmar: DmarTable, topology: PciTopology, fn: PciFunction): boolean {
  return !isRelaxable(fn) && reservedMemoryOf(dmar, topology, fn).length > 0;
}

/**
 * USB controllers and graphics: firmware uses their ranges only until an operating system takes over.
 * Linux: device_rmrr_is_relaxable().
 */
function isRelaxable(fn: PciFunction): boolean {
  return fn.classCode >>> 8 === PCI_CLASS.usbController || fn.classCode >>> 16 === PCI_BASE_CLASS_DISPLAY;
}
