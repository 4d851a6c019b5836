import { type U64, u64 } from '../bits/u64.js';

/**
 * A message-signalled interrupt as a device writes it: an address in 0xFEEx_xxxx and 16 bits of data.
 * Spec: VT-d 5.1.2 "Interrupt Requests".
 */
export interface RemappableMessage {
  /** First table index of the message block. */
  readonly handle: number;
  /** SHV: the data adds to the handle. */
  readonly subhandleValid: boolean;
  readonly subhandle: number;
}

/** A write there is an interrupt, never a memory access. */
export const INTERRUPT_ADDRESS_BASE = 0xfee00000;
export const INTERRUPT_ADDRESS_LAST = 0xfeefffff;

export function isInterruptAddress(address: U64): boolean {
  return address.hi === 0 && address.lo >>> 20 === 0xfee;
}

/** Bit 4 tells the remappable format from the compatibility format. */
export function isRemappableFormat(address: U64): boolean {
  return (address.lo & 0x10) !== 0;
}

/** Address and data of a remappable message. */
export function packRemappableMessage(of: RemappableMessage): { address: U64; data: number } {
  const handle = ((of.handle & 0x7fff) << 5) | ((of.handle & 0x8000) >>> 13);
  const lo = INTERRUPT_ADDRESS_BASE | 0x10 | handle | (of.subhandleValid ? 0x8 : 0);
  return { address: u64(0, lo), data: of.subhandleValid ? of.subhandle & 0xffff : 0 };
}

export function parseRemappableMessage(address: U64, data: number): RemappableMessage {
  return {
    handle: ((address.lo >>> 5) & 0x7fff) | ((address.lo & 0x4) << 13),
    subhandleValid: (address.lo & 0x8) !== 0,
    subhandle: data & 0xffff,
  };
}

/** Index in the interrupt remapping table. */
export function interruptIndexOf(message: RemappableMessage): number {
  return message.handle + (message.subhandleValid ? message.subhandle : 0);
}

/** Data bits a remappable message must leave 0: all of them without a subhandle, the upper 16 with one. */
export function hasReservedMessageData(message: RemappableMessage, data: number): boolean {
  return (message.subhandleValid ? data >>> 16 : data) !== 0;
}
