/** Which kind of table, or which request, a fault reason belongs to. */
export type FaultMode = 'LEGACY' | 'SCALABLE' | 'INTERRUPT_REMAPPING';

/** One row of the specification's fault tables. */
export interface FaultReason {
  readonly code: number;
  /** The specification's name for the condition. */
  readonly mnemonic: string;
  /** The kernel's text (`dma_remap_fault_reasons` and its siblings) where it has one. */
  readonly text: string;
  readonly mode: FaultMode;
  /** False for codes newer than the kernel's tables, which it prints as `Unknown`. */
  readonly isKnownToKernel: boolean;
  /** Not recorded when an entry on the way has FPD set. */
  readonly qualified: boolean;
}

const NEWER_THAN_KERNEL = new Set([
  0x0e, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x33, 0x34, 0x49, 0x60, 0x7d, 0x89, 0x91, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4,
  0xa5,
]);

function row(code: number, mnemonic: string, mode: FaultMode, qualified: boolean, text: string): FaultReason {
  return { code, mnemonic, text, mode, isKnownToKernel: !NEWER_THAN_KERNEL.has(code), qualified };
}

/**
 * Every fault reason. Spec: VT-d 7.1.3 "Fault Conditions and Remapping hardware behavior for various
 * Requests" (DMA) and 7.2 "Interrupt Remapping Faults". Linux: dma_remap_fault_reasons,
 * dma_remap_sm_fault_reasons, irq_remap_fault_reasons, intel/dmar.c. The families SFL and SSL are called SFS
 * and SSS in late revisions; the codes are the same.
 */
export const FAULT_REASONS: readonly FaultReason[] = [
  row(0x00, '', 'LEGACY', false, 'Software'),
  row(0x01, 'LRT.2', 'LEGACY', false, 'Present bit in root entry is clear'),
  row(0x02, 'LCT.2', 'LEGACY', true, 'Present bit in context entry is clear'),
  row(0x03, 'LCT.4', 'LEGACY', true, 'Invalid context entry'),
  row(0x04, 'LGN.1', 'LEGACY', true, 'Access beyond MGAW'),
  row(0x05, 'LGN.2', 'LEGACY', true, 'PTE Write access is not set'),
  row(0x06, 'LGN.3', 'LEGACY', true, 'PTE Read access is not set'),
  row(0x07, 'LSL.1', 'LEGACY', true, 'Next page table ptr is invalid'),
  row(0x08, 'LRT.1', 'LEGACY', false, 'Root table address invalid'),
  row(0x09, 'LCT.1', 'LEGACY', false, 'Context table ptr is invalid'),
  row(0x0a, 'LRT.3', 'LEGACY', false, 'non-zero reserved fields in RTP'),
  row(0x0b, 'LCT.3', 'LEGACY', true, 'non-zero reserved fields in CTP'),
  row(0x0c, 'LSL.2', 'LEGACY', true, 'non-zero reserved fields in PTE'),
  row(0x0d, 'LCT.5', 'LEGACY', true, 'PCE for translation request specifies blocking'),
  row(0x0e, 'LGN.4', 'LEGACY', true, 'Output address lies in the interrupt address range'),

  row(
    0x20,
    'IR.1',
    'INTERRUPT_REMAPPING',
    false,
    'Detected reserved fields in the decoded interrupt-remapped request',
  ),
  row(
    0x21,
    'IR.2',
    'INTERRUPT_REMAPPING',
    false,
    'Interrupt index exceeded the interrupt-remapping table size',
  ),
  row(0x22, 'IR.3', 'INTERRUPT_REMAPPING', true, 'Present field in the IRTE entry is clear'),
  row(
    0x23,
    'IR.4',
    'INTERRUPT_REMAPPING',
    false,
    'Error accessing interrupt-remapping table pointed by IRTA_REG',
  ),
  row(0x24, 'IR.5', 'INTERRUPT_REMAPPING', true, 'Detected reserved fields in the IRTE entry'),
  row(0x25, 'IR.6', 'INTERRUPT_REMAPPING', false, 'Blocked a compatibility format interrupt request'),
  row(
    0x26,
    'IR.7',
    'INTERRUPT_REMAPPING',
    true,
    'Blocked an interrupt request due to source-id verification failure',
  ),
  row(0x27, 'IR.8', 'INTERRUPT_REMAPPING', true, 'Error accessing the posted interrupt descriptor'),
  row(
    0x28,
    'IR.9',
    'INTERRUPT_REMAPPING',
    true,
    'Detected reserved fields in the posted interrupt descriptor',
  ),
  row(
    0x29,
    'IR.10',
    'INTERRUPT_REMAPPING',
    false,
    'Request to the interrupt address range is not a valid interrupt',
  ),
  row(0x2a, 'IR.11', 'INTERRUPT_REMAPPING', false, 'Extended interrupt mode is required and not enabled'),
  row(
    0x2b,
    'IR.12',
    'INTERRUPT_REMAPPING',
    false,
    'Interrupt request while interrupt remapping is required and not enabled',
  ),

  row(0x30, 'RTA.1', 'SCALABLE', false, 'SM: Invalid Root Table Address'),
  row(0x31, 'RTA.2', 'SCALABLE', false, 'SM: TTM 0 for request with PASID'),
  row(0x32, 'RTA.3', 'SCALABLE', false, 'SM: TTM 0 for page group request'),
  row(0x33, 'RTA.4', 'SCALABLE', false, 'SM: Request while the table mode aborts every DMA'),
  row(0x34, 'RTA.5', 'SCALABLE', false, 'SM: Execute requested by a request with PASID'),
  row(0x38, 'SRT.1', 'SCALABLE', false, 'SM: Error attempting to access Root Entry'),
  row(0x39, 'SRT.2', 'SCALABLE', false, 'SM: Present bit in Root Entry is clear'),
  row(0x3a, 'SRT.3', 'SCALABLE', false, 'SM: Non-zero reserved field set in Root Entry'),
  row(0x40, 'SCT.1', 'SCALABLE', false, 'SM: Error attempting to access Context Entry'),
  row(0x41, 'SCT.2', 'SCALABLE', true, 'SM: Present bit in Context Entry is clear'),
  row(0x42, 'SCT.3', 'SCALABLE', true, 'SM: Non-zero reserved field set in the Context Entry'),
  row(0x43, 'SCT.4', 'SCALABLE', true, 'SM: Invalid Context Entry'),
  row(0x44, 'SCT.5', 'SCALABLE', true, 'SM: DTE field in Context Entry is clear'),
  row(0x45, 'SCT.6', 'SCALABLE', true, 'SM: PASID Enable field in Context Entry is clear'),
  row(0x46, 'SCT.7', 'SCALABLE', true, 'SM: PASID is larger than the max in Context Entry'),
  row(0x47, 'SCT.8', 'SCALABLE', true, 'SM: PRE field in Context-Entry is clear'),
  row(0x48, 'SCT.9', 'SCALABLE', true, 'SM: RID_PASID field error in Context-Entry'),
  row(0x49, 'SCT.10', 'SCALABLE', true, 'SM: EPTR field in Context Entry is clear'),
  row(0x50, 'SPD.1', 'SCALABLE', false, 'SM: Error attempting to access the PASID Directory Entry'),
  row(0x51, 'SPD.2', 'SCALABLE', true, 'SM: Present bit in Directory Entry is clear'),
  row(0x52, 'SPD.3', 'SCALABLE', true, 'SM: Non-zero reserved field set in PASID Directory Entry'),
  row(0x58, 'SPT.1', 'SCALABLE', false, 'SM: Error attempting to access PASID Table Entry'),
  row(0x59, 'SPT.2', 'SCALABLE', true, 'SM: Present bit in PASID Table Entry is clear'),
  row(0x5a, 'SPT.3', 'SCALABLE', true, 'SM: Non-zero reserved field set in PASID Table Entry'),
  row(0x5b, 'SPT.4', 'SCALABLE', true, 'SM: Invalid Scalable-Mode PASID Table Entry'),
  row(0x5c, 'SPT.5', 'SCALABLE', true, 'SM: ERE field is clear in PASID Table Entry'),
  row(0x5d, 'SPT.6', 'SCALABLE', true, 'SM: SRE field is clear in PASID Table Entry'),
  row(0x60, 'SPT.9', 'SCALABLE', true, 'SM: Translated address beyond the host permission table'),
  row(0x70, 'SFL.1', 'SCALABLE', true, 'SM: Error attempting to access first-level paging entry'),
  row(0x71, 'SFL.2', 'SCALABLE', true, 'SM: Present bit in first-level paging entry is clear'),
  row(0x72, 'SFL.3', 'SCALABLE', true, 'SM: Non-zero reserved field set in first-level paging entry'),
  row(0x73, 'SFL.4', 'SCALABLE', true, 'SM: Error attempting to access FL-PML4 entry'),
  row(0x74, 'SFL.5', 'SCALABLE', true, 'SM: First-level entry address beyond MGAW in Nested translation'),
  row(0x75, 'SFL.6', 'SCALABLE', true, 'SM: Read permission error in FL-PML4 entry in Nested translation'),
  row(
    0x76,
    'SFL.7',
    'SCALABLE',
    true,
    'SM: Read permission error in first-level paging entry in Nested translation',
  ),
  row(
    0x77,
    'SFL.8',
    'SCALABLE',
    true,
    'SM: Write permission error in first-level paging entry in Nested translation',
  ),
  row(0x78, 'SSL.1', 'SCALABLE', true, 'SM: Error attempting to access second-level paging entry'),
  row(0x79, 'SSL.2', 'SCALABLE', true, 'SM: Read/Write permission error in second-level paging entry'),
  row(0x7a, 'SSL.3', 'SCALABLE', true, 'SM: Non-zero reserved field set in second-level paging entry'),
  row(0x7b, 'SSL.4', 'SCALABLE', true, 'SM: Invalid second-level page table pointer'),
  row(
    0x7c,
    'SSL.5',
    'SCALABLE',
    true,
    'SM: A/D bit update needed in second-level entry when set up in no snoop',
  ),
  row(0x7d, 'SSL.6', 'SCALABLE', true, 'SM: A/D bit update in second-level entry failed'),
  row(0x80, 'SGN.1', 'SCALABLE', true, 'SM: Address in first-level translation is not canonical'),
  row(0x81, 'SGN.2', 'SCALABLE', true, 'SM: U/S set 0 for first-level translation with user privilege'),
  row(0x82, 'SGN.3', 'SCALABLE', true, 'SM: No execute permission for request with PASID and ER=1'),
  row(0x83, 'SGN.4', 'SCALABLE', true, 'SM: Address beyond the DMA hardware max'),
  row(0x84, 'SGN.5', 'SCALABLE', true, 'SM: Second-level entry address beyond the max'),
  row(0x85, 'SGN.6', 'SCALABLE', true, 'SM: No write permission for Write/AtomicOp request'),
  row(0x86, 'SGN.7', 'SCALABLE', true, 'SM: No read permission for Read/AtomicOp request'),
  row(0x87, 'SGN.8', 'SCALABLE', true, 'SM: Invalid address-interrupt address'),
  row(0x89, 'SGN.10', 'SCALABLE', true, 'SM: PASID wider than the unit supports'),
  row(
    0x90,
    'SFL.9',
    'SCALABLE',
    true,
    'SM: A/D bit update needed in first-level entry when set up in no snoop',
  ),
  row(0x91, 'SFL.10', 'SCALABLE', true, 'SM: A/D bit update in first-level entry failed'),
  row(0xa0, 'HPT.1', 'SCALABLE', true, 'SM: Error attempting to access host permission table entry'),
  row(0xa1, 'HPT.2', 'SCALABLE', true, 'SM: Non-zero reserved field set in host permission table entry'),
  row(0xa2, 'HPT.3', 'SCALABLE', true, 'SM: Error attempting to access host permission table root'),
  row(0xa3, 'HPT.4', 'SCALABLE', true, 'SM: Host permission table has no entry for the address'),
  row(0xa4, 'HPT.5', 'SCALABLE', true, 'SM: Host permission table denies the write'),
  row(0xa5, 'HPT.6', 'SCALABLE', true, 'SM: Host permission table denies the read'),
];

const BY_CODE = new Map(FAULT_REASONS.map((reason) => [reason.code, reason]));

/** The row of a code; undefined for a code the specification does not define. */
export function faultReason(code: number): FaultReason | undefined {
  return BY_CODE.get(code);
}

/** Whether FPD can keep a fault of this reason from being recorded. */
export function isQualified(code: number): boolean {
  return BY_CODE.get(code)?.qualified ?? false;
}
