/** Bits of the ACS capability and control registers. PCIe Base 7.7.11 "ACS Extended Capability". */
export const ACS_BITS = {
  SOURCE_VALIDATION: 0x01,
  TRANSLATION_BLOCKING: 0x02,
  REQUEST_REDIRECT: 0x04,
  COMPLETION_REDIRECT: 0x08,
  UPSTREAM_FORWARDING: 0x10,
  EGRESS_CONTROL: 0x20,
  DIRECT_TRANSLATED: 0x40,
} as const;

export interface AcsPart {
  /** {@link ACS_BITS} the port implements. */
  readonly capability: number;
  /** {@link ACS_BITS} that are switched on. */
  readonly control?: number;
}

/** PCIe Base 7.8.8 "ARI Extended Capability". */
export interface AriPart {
  /** Number of the next function of the device; 0 ends the list. */
  readonly nextFunction?: number;
  readonly functionGroupsAcs?: boolean;
}

export const ACS_CAPABILITY = 0x0d;
export const ARI_CAPABILITY = 0x0e;

export function acsBody(part: AcsPart): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint16(4, part.capability, true);
  view.setUint16(6, part.control ?? 0, true);
  return bytes;
}

export function ariBody(part: AriPart): Uint8Array {
  const bytes = new Uint8Array(8);
  bytes[4] = part.functionGroupsAcs ? 2 : 0;
  bytes[5] = part.nextFunction ?? 0;
  return bytes;
}
