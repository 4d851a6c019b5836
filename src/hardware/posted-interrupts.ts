import { POSTED_NOTIFICATION, POSTED_RESERVED_LOW } from '../layout/posted-descriptor.js';
import type { HostMemory } from '../memory/host-memory.js';

/** What a posted-form table entry asks for. */
export interface Posting {
  /** Host address of the posted-interrupt descriptor. */
  readonly address: number;
  readonly vector: number;
  /** URG: notify even while notifications are suppressed. */
  readonly urgent: boolean;
  /** EIME: the notification destination has 32 bits. */
  readonly extended: boolean;
}

const ACCESS_FAULT = 0x27;
const RESERVED_FAULT = 0x28;

/**
 * Sets the vector in the descriptor and notifies the processor unless a notification is already on its way
 * or unwanted. Gives a fault reason when the descriptor cannot be used.
 * Spec: VT-d 5.2.3 "Interrupt-Posting Hardware Operation".
 */
export function postInterrupt(
  memory: HostMemory,
  { address, vector, urgent, extended }: Posting,
): { readonly notified: { readonly vector: number; readonly destination: number } | null } | number {
  if (!memory.isReadable(Math.floor(address / 4096))) return ACCESS_FAULT;
  const control = memory.load64(address + 32);
  const reservedDestination = extended ? 0 : control.hi & 0xffff00ff;
  const tail = [40, 48, 56].some((offset) => {
    const word = memory.load64(address + offset);
    return word.hi !== 0 || word.lo !== 0;
  });
  if ((control.lo & POSTED_RESERVED_LOW) !== 0 || reservedDestination !== 0 || tail) return RESERVED_FAULT;
  const requests = address + (vector >>> 5) * 4;
  memory.store32(requests, memory.load32(requests) | (1 << (vector & 31)));
  const outstanding = (control.lo & POSTED_NOTIFICATION.ON) !== 0;
  const suppressed = (control.lo & POSTED_NOTIFICATION.SN) !== 0 && !urgent;
  if (outstanding || suppressed) return { notified: null };
  memory.store32(address + 32, control.lo | POSTED_NOTIFICATION.ON);
  const destination = extended ? control.hi : (control.hi >>> 8) & 0xff;
  return { notified: { vector: (control.lo >>> 16) & 0xff, destination } };
}
