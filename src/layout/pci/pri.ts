import { readConfigSpace } from './config-space.js';

export const PRI_CONTROL_OFFSET = 4;
export const PRI_STATUS_OFFSET = 6;
export const PRI_ALLOCATION_OFFSET = 0xc;
export const PRI_ENABLE = 1;
export const PRI_RESET = 2;

/** Spec: PCI Express 10.5.2 "Page Request Extended Capability Structure". */
export interface PriCapability {
  readonly offset: number;
  readonly enabled: boolean;
  /** A response did not match any request. */
  readonly responseFailure: boolean;
  readonly unexpectedGroupIndex: boolean;
  /** Page requests stopped; set while none are outstanding. */
  readonly stopped: boolean;
  /** Responses need the PASID of the request. */
  readonly responsePasidRequired: boolean;
  readonly maxRequests: number;
  readonly allowedRequests: number;
}

export function decodePri(config: Uint8Array, offset: number): PriCapability {
  const status = readConfigSpace(config, offset + PRI_STATUS_OFFSET, 2);
  return {
    offset,
    enabled: (readConfigSpace(config, offset + PRI_CONTROL_OFFSET, 2) & PRI_ENABLE) !== 0,
    responseFailure: (status & 1) !== 0,
    unexpectedGroupIndex: (status & 2) !== 0,
    stopped: (status & 0x100) !== 0,
    responsePasidRequired: (status & 0x8000) !== 0,
    maxRequests: readConfigSpace(config, offset + 8, 4),
    allowedRequests: readConfigSpace(config, offset + PRI_ALLOCATION_OFFSET, 4),
  };
}
