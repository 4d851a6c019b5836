import type { PciAddress } from '../../bits/pci-address.js';
import type { U64 } from '../../bits/u64.js';
import type { FaultReason } from '../../layout/fault-reasons.js';

/** What a line of a kernel log is about. */
export type DecodedKind =
  /** A DMA request an Intel unit refused. */
  | 'DMA_FAULT'
  /** An interrupt request an Intel unit refused. */
  | 'INTERRUPT_FAULT'
  /** The fault status register, printed before the faults themselves. */
  | 'FAULT_STATUS'
  | 'SUPPRESSED_CALLBACKS'
  /** A unit or the structure that declares it. */
  | 'REMAPPING_UNIT'
  | 'RESERVED_MEMORY'
  /** A device joined a group. */
  | 'GROUP_ASSIGNMENT'
  /** Anything else the kernel says about remapping, of any vendor. */
  | 'OTHER_REMAPPING'
  /** A fault of a unit that is not an Intel one. */
  | 'OTHER_VENDOR_FAULT'
  /** Speaks of a fault in no form that is known. */
  | 'UNPARSED_FAULT';

/** The fields a line states; null where it does not. */
export interface DecodedFields {
  /** Segment 0 where the line names no segment, as no Intel fault line does. */
  readonly sourceId: PciAddress | null;
  readonly pasid: number | null;
  /** Faulting page; index of an interrupt; base of a unit or a reserved range. */
  readonly address: U64 | null;
  readonly access: 'READ' | 'WRITE' | null;
  readonly reason: FaultReason | null;
  /** Refused calls of the rate limit; one fault can cost several. */
  readonly suppressed: number | null;
}

/** A line of a kernel log read back into fields. */
export interface DecodedLine extends DecodedFields {
  /** 1-based. */
  readonly line: number;
  /** As it stands in the log; both lines of a fault that older kernels print in two. */
  readonly text: string;
  readonly kind: DecodedKind;
}

/** What one reader makes of a message. */
export type Reading = Partial<DecodedFields> & { readonly kind: DecodedKind };
