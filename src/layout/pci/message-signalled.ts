import { readConfigSpace } from './config-space.js';

export const MSI_CONTROL_OFFSET = 2;
export const MSI_ENABLE = 1;
/** Multiple Message Enable: log2 of the vectors in use, from this bit of the control word. */
export const MSI_MULTIPLE_ENABLE_SHIFT = 4;
export const MSI_ADDRESS_OFFSET = 4;

/** Spec: PCI Local Bus 6.8.1 "MSI Capability Structure". */
export interface MsiCapability {
  readonly offset: number;
  readonly enabled: boolean;
  /** Vectors it can signal: 1 to 32, a power of two. */
  readonly maxVectors: number;
  readonly address64: boolean;
  /** Bytes from the capability to the message data. */
  readonly dataOffset: number;
}

export function decodeMsi(config: Uint8Array, offset: number): MsiCapability {
  const control = readConfigSpace(config, offset + MSI_CONTROL_OFFSET, 2);
  const address64 = (control & 0x80) !== 0;
  return {
    offset,
    enabled: (control & MSI_ENABLE) !== 0,
    maxVectors: 1 << ((control >>> 1) & 7),
    address64,
    dataOffset: address64 ? 12 : 8,
  };
}

export const MSI_X_CONTROL_OFFSET = 2;
export const MSI_X_ENABLE = 0x8000;

/** Spec: PCI Local Bus 6.8.2 "MSI-X Capability and Table Structures". */
export interface MsiXCapability {
  readonly offset: number;
  readonly enabled: boolean;
  /** Entries of its table, which lies behind a base address: 1 to 2048. */
  readonly tableSize: number;
}

export function decodeMsiX(config: Uint8Array, offset: number): MsiXCapability {
  const control = readConfigSpace(config, offset + MSI_X_CONTROL_OFFSET, 2);
  return { offset, enabled: (control & MSI_X_ENABLE) !== 0, tableSize: (control & 0x7ff) + 1 };
}
