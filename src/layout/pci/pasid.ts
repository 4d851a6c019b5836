import { readConfigSpace } from './config-space.js';

export const PASID_CONTROL_OFFSET = 6;
export const PASID_ENABLE = 1;
export const PASID_EXECUTE = 2;
export const PASID_PRIVILEGED = 4;

/** Spec: PCI Express 7.8.9 "PASID Extended Capability Structure". */
export interface PasidCapability {
  readonly offset: number;
  readonly executeSupported: boolean;
  readonly privilegedSupported: boolean;
  /** PASIDs have this many bits. */
  readonly maxWidth: number;
  readonly enabled: boolean;
  readonly executeEnabled: boolean;
  readonly privilegedEnabled: boolean;
}

export function decodePasid(config: Uint8Array, offset: number): PasidCapability {
  const capability = readConfigSpace(config, offset + 4, 2);
  const control = readConfigSpace(config, offset + PASID_CONTROL_OFFSET, 2);
  return {
    offset,
    executeSupported: (capability & PASID_EXECUTE) !== 0,
    privilegedSupported: (capability & PASID_PRIVILEGED) !== 0,
    maxWidth: (capability >>> 8) & 0x1f,
    enabled: (control & PASID_ENABLE) !== 0,
    executeEnabled: (control & PASID_EXECUTE) !== 0,
    privilegedEnabled: (control & PASID_PRIVILEGED) !== 0,
  };
}
