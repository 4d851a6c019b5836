import type { FaultLineForm } from '../profile/profile.js';
import { faultReasonText, isInterruptFault } from './fault-reason-texts.js';

/** A fault record, as the driver reads it. */
export interface FaultSeen {
  readonly reason: number;
  readonly isRead: boolean;
  /** Null when the record has none. */
  readonly pasid: number | null;
  readonly sourceId: number;
  /** Page address without leading zeros, hexadecimal. */
  readonly address: string;
  /** Interrupt index, from the top of the address. */
  readonly index: number;
}

/** The line the kernel prints for a fault record, `DMAR: ` included. Linux: dmar_fault_do_one(). */
export function faultLine(form: FaultLineForm, fault: FaultSeen): string {
  const { reason, sourceId } = fault;
  const device = `${byte(sourceId >>> 8)}:${byte((sourceId >>> 3) & 31)}.${sourceId & 7}`;
  const text = faultReasonText(reason);
  const access = fault.isRead ? 'DMA Read' : 'DMA Write';
  if (form === 'DECIMAL_REASON') {
    const code = String(reason).padStart(2, '0');
    if (isInterruptFault(reason)) {
      return `DMAR: [INTR-REMAP] Request device [${device}] fault index ${fault.index.toString(16)} [fault reason ${code}] ${text}`;
    }
    const pasid = fault.pasid === null ? 'ffffffff' : fault.pasid.toString(16);
    return `DMAR: [${access}] Request device [${device}] PASID ${pasid} fault addr ${fault.address} [fault reason ${code}] ${text}`;
  }
  const code = `0x${byte(reason)}`;
  if (isInterruptFault(reason)) {
    return `DMAR: [INTR-REMAP] Request device [${device}] fault index 0x${fault.index.toString(16)} [fault reason ${code}] ${text}`;
  }
  const pasid = fault.pasid === null ? 'NO_PASID' : `PASID 0x${fault.pasid.toString(16)}`;
  return `DMAR: [${access} ${pasid}] Request device [${device}] fault addr 0x${fault.address} [fault reason ${code}] ${text}`;
}

function byte(value: number): string {
  return value.toString(16).padStart(2, '0');
}
