import type { AcsCapability } from '../../layout/pci/acs.js';

/** Bits as `ACS` in the layout names them; nothing is switched on when `control` is left out. */
export type AcsPart = Pick<AcsCapability, 'capability'> & Partial<Pick<AcsCapability, 'control'>>;

export interface AriPart {
  /** Number of the next function of the device; 0 ends the list. */
  readonly nextFunction?: number;
  readonly functionGroupsAcs?: boolean;
}

/** Spec: PCI Express 7.7.11 "ACS Extended Capability". */
export function acsBody(part: AcsPart): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint16(4, part.capability, true);
  view.setUint16(6, part.control ?? 0, true);
  return bytes;
}

/** Spec: PCI Express 7.8.8 "ARI Extended Capability". */
export function ariBody(part: AriPart): Uint8Array {
  const bytes = new Uint8Array(8);
  bytes[4] = part.functionGroupsAcs ? 2 : 0;
  bytes[5] = part.nextFunction ?? 0;
  return bytes;
}
