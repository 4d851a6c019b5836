/** Device/port types of the PCI Express capability. PCIe Base 7.5.3.2 "PCI Express Capabilities Register". */
export const EXPRESS_TYPES = {
  ENDPOINT: 0,
  LEGACY_ENDPOINT: 1,
  ROOT_PORT: 4,
  UPSTREAM_PORT: 5,
  DOWNSTREAM_PORT: 6,
  PCIE_TO_PCI_BRIDGE: 7,
  PCI_TO_PCIE_BRIDGE: 8,
  ROOT_COMPLEX_INTEGRATED_ENDPOINT: 9,
  ROOT_COMPLEX_EVENT_COLLECTOR: 10,
} as const;

export type ExpressType = keyof typeof EXPRESS_TYPES;

/** The PCI Express capability, as far as grouping and requester ids depend on it. */
export interface ExpressPart {
  readonly type: ExpressType;
  readonly version?: number;
  /** Physical slot number of a port that has a slot; null or left out for none. */
  readonly slot?: number | null;
  readonly functionLevelReset?: boolean;
  readonly ariForwardingSupported?: boolean;
  readonly ariForwardingEnabled?: boolean;
}

export const EXPRESS_CAPABILITY = 0x10;
const DEVICE_CAPABILITIES = 0x04;
const SLOT_CAPABILITIES = 0x14;
const DEVICE_CAPABILITIES_2 = 0x24;
const DEVICE_CONTROL_2 = 0x28;

/** The capability behind its id and next pointer. */
export function expressBody(part: ExpressPart): Uint8Array {
  const version = part.version ?? 2;
  const bytes = new Uint8Array(version === 1 ? 0x24 : 0x3c);
  const view = new DataView(bytes.buffer);
  const slot = part.slot ?? null;
  view.setUint16(2, version | (EXPRESS_TYPES[part.type] << 4) | (slot === null ? 0 : 0x100), true);
  // Role-based error reporting is required of every function.
  view.setUint32(DEVICE_CAPABILITIES, (1 << 15) | (part.functionLevelReset ? 1 << 28 : 0), true);
  if (slot !== null) view.setUint32(SLOT_CAPABILITIES, (slot << 19) >>> 0, true);
  if (version > 1) {
    view.setUint32(DEVICE_CAPABILITIES_2, part.ariForwardingSupported ? 1 << 5 : 0, true);
    view.setUint16(DEVICE_CONTROL_2, part.ariForwardingEnabled ? 1 << 5 : 0, true);
  }
  return bytes;
}
