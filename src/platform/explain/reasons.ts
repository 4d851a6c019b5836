import type { FaultCase } from './fault-case.js';

/* Fault reasons by what they say. Spec: VT-d 7.1.3 "Fault Conditions and Remapping hardware behavior". */

/** No root or context entry for the requester: LRT.2, LCT.2, SRT.2, SCT.2. */
export const NO_CONTEXT: ReadonlySet<number> = new Set([0x01, 0x02, 0x39, 0x41]);
/** No PASID directory or table entry, or the PASID is beyond the table: SPD.2, SPT.2, SCT.7, SGN.10. */
export const NO_PASID_ENTRY: ReadonlySet<number> = new Set([0x51, 0x59, 0x46, 0x89]);
/** Requests with PASID are not let through at all: RTA.2, SCT.6. */
export const PASID_OFF: ReadonlySet<number> = new Set([0x31, 0x45]);
/** A page-table entry is missing: SSL.2, SFL.2; in legacy mode the reasons for missing permission say that too. */
const MISSING: ReadonlySet<number> = new Set([0x05, 0x06, 0x71, 0x79]);
/** A page-table entry lacks a permission: LGN.2, LGN.3, SGN.6, SGN.7, and in nested tables SFL.6 to 8. */
const FORBIDDEN: ReadonlySet<number> = new Set([0x05, 0x06, 0x75, 0x76, 0x77, 0x85, 0x86]);

/** Whether nothing was mapped at the page. An entry with neither permission is no mapping. */
export function isPageMissing({ fault, stoppedAt, isWitnessed }: FaultCase): boolean {
  return MISSING.has(fault.reason) && !(isWitnessed && stoppedAt?.present === true);
}

/** Whether the page was mapped, without the permission that was asked for. */
export function isPageForbidden({ fault, stoppedAt, isWitnessed }: FaultCase): boolean {
  return FORBIDDEN.has(fault.reason) && isWitnessed && stoppedAt?.present === true;
}
