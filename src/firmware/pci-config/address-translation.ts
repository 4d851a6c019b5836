/** PCIe Base 10.5.1 "ATS Extended Capability". */
export interface AtsPart {
  /** Invalidations the function queues, 1 to 32 (the register holds 0 for 32). */
  readonly queueDepth?: number;
  readonly pageAligned?: boolean;
  readonly globalInvalidate?: boolean;
  readonly enabled?: boolean;
  /** Smallest translation unit: 2^stu pages. */
  readonly stu?: number;
}

/** PCIe Base 10.5.2 "Page Request Extended Capability Structure". */
export interface PriPart {
  readonly enabled?: boolean;
  readonly reset?: boolean;
  readonly responseFailure?: boolean;
  readonly unexpectedIndex?: boolean;
  readonly stopped?: boolean;
  readonly responsePasidRequired?: boolean;
  /** Outstanding requests the function is capable of. */
  readonly capacity?: number;
  /** Outstanding requests it is allowed. */
  readonly allocation?: number;
}

/** PCIe Base 7.8.9 "Process Address Space ID Extended Capability". */
export interface PasidPart {
  /** Bits of a PASID the function can send, 0 to 20. */
  readonly width: number;
  readonly execute?: boolean;
  readonly privileged?: boolean;
  readonly enabled?: boolean;
  readonly executeEnabled?: boolean;
  readonly privilegedEnabled?: boolean;
}

export const ATS_CAPABILITY = 0x0f;
export const PRI_CAPABILITY = 0x13;
export const PASID_CAPABILITY = 0x1b;

const flags = (...bits: readonly [boolean | undefined, number][]) =>
  bits.reduce((word, [set, bit]) => (set ? word | (1 << bit) : word), 0);

export function atsBody(part: AtsPart): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  const depth = (part.queueDepth ?? 32) & 0x1f;
  view.setUint16(4, depth | flags([part.pageAligned, 5], [part.globalInvalidate, 6]), true);
  view.setUint16(6, ((part.stu ?? 0) & 0x1f) | flags([part.enabled, 15]), true);
  return bytes;
}

export function priBody(part: PriPart): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(4, flags([part.enabled, 0], [part.reset, 1]), true);
  const status = flags(
    [part.responseFailure, 0],
    [part.unexpectedIndex, 1],
    [part.stopped, 8],
    [part.responsePasidRequired, 15],
  );
  view.setUint16(6, status, true);
  view.setUint32(8, part.capacity ?? 0, true);
  view.setUint32(12, part.allocation ?? 0, true);
  return bytes;
}

export function pasidBody(part: PasidPart): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint16(4, flags([part.execute, 1], [part.privileged, 2]) | ((part.width & 0x1f) << 8), true);
  const control = flags([part.enabled, 0], [part.executeEnabled, 1], [part.privilegedEnabled, 2]);
  view.setUint16(6, control, true);
  return bytes;
}
