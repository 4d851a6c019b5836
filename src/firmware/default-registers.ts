import type { U64 } from '../bits/u64.js';
import { u64 } from '../bits/u64.js';
import type { UnitDescription } from './description.js';

/** Widest address the client generation's units translate. */
const CLIENT_ADDRESS_WIDTH = 39;

/**
 * Registers for a unit nobody read them of: those of the INCLUDE_PCI_ALL unit of client parts since
 * Skylake (39 address bits), or of Xeon E5 v3 and v4 (46) where the table says the addresses are wider.
 */
export function defaultRegisters(registerBase: U64, hostAddressWidth: number): UnitDescription {
  const isClient = hostAddressWidth <= CLIENT_ADDRESS_WIDTH;
  return {
    registerBase,
    version: 0x10,
    capability: isClient ? u64(0x00d2008c, 0x40660462) : u64(0x08d2078c, 0x106f0466),
    extendedCapability: isClient ? u64(0, 0x00f050da) : u64(0, 0x00f020df),
  };
}
