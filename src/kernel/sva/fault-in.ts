import { FIRST_STAGE } from '../../layout/first-stage.js';
import { KernelError } from '../errno.js';
import type { MapReport } from '../intel/page-table.js';
import type { KernelState } from '../state.js';
import type { ProcessMemory } from './process-memory.js';

/** A page somebody wants, and for what. */
export interface Wanted {
  readonly pfn: number;
  readonly read: boolean;
  readonly write: boolean;
}

/** Linux: svm_find(), iommu_sva_find(). */
export function processOfPasid(state: KernelState, pasid: number): ProcessMemory | null {
  for (const mm of state.processes.values()) if (mm.pasid === pasid) return mm;
  return null;
}

/**
 * Puts the page at an address into a process's tables, in the size its memory has; false where the process
 * has nothing, may not do it, or memory ran out. Linux: find_extend_vma(), access_error(), handle_mm_fault().
 */
export function faultIn({ userMemory, table }: ProcessMemory, { pfn, read, write }: Wanted): boolean {
  const range = userMemory.rangeOf(pfn);
  if (range === null || (read && !range.read) || (write && !range.write)) return false;
  if (table.translate(pfn) >= 0) return true;
  const pages = range.pageSize / 4096;
  const first = pfn - (pfn % pages);
  const report: MapReport = { written: [0, 0, 0, 0], conflicts: [], pages: 0 };
  const flags = FIRST_STAGE.PRESENT | FIRST_STAGE.USER | (range.write ? FIRST_STAGE.WRITE : 0);
  try {
    const { frame } = userMemory.pinRun(first, pages, { read: range.read, write: !range.read });
    return table.map(first, frame, pages, flags, 2, report);
  } catch (error) {
    if (error instanceof KernelError) return false;
    throw error;
  }
}
