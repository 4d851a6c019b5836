import type { ExpressCapability, PciePortType } from '../../layout/pci/express.js';

/** Device/port types. Spec: PCI Express 7.5.3.2 "PCI Express Capabilities Register". */
const PORT_TYPE_NUMBERS = {
  ENDPOINT: 0,
  LEGACY_ENDPOINT: 1,
  ROOT_PORT: 4,
  UPSTREAM_PORT: 5,
  DOWNSTREAM_PORT: 6,
  PCIE_TO_PCI_BRIDGE: 7,
  PCI_TO_PCIE_BRIDGE: 8,
  ROOT_COMPLEX_ENDPOINT: 9,
  ROOT_COMPLEX_EVENT_COLLECTOR: 10,
} as const satisfies Record<Exclude<PciePortType, 'UNKNOWN'>, number>;

/** The PCI Express capability, as far as grouping and requester ids depend on it. */
export interface ExpressPart extends Partial<Pick<ExpressCapability, 'version' | 'ariForwarding'>> {
  readonly portType: keyof typeof PORT_TYPE_NUMBERS;
  /** Physical slot number of a port that has a slot; null or left out for none. */
  readonly slot?: number | null;
  readonly ariForwardingEnabled?: boolean;
  /** Left out: as the presence of a PASID capability demands. */
  readonly endToEndPrefix?: boolean;
  readonly functionLevelReset?: boolean;
}

const DEVICE_CAPABILITIES = 0x04;
const SLOT_CAPABILITIES = 0x14;
const DEVICE_CAPABILITIES_2 = 0x24;
const DEVICE_CONTROL_2 = 0x28;
export const END_TO_END_PREFIX = 0x200000;

/** The capability; its first two bytes are left for id and next pointer. */
export function expressBody(part: ExpressPart): Uint8Array {
  const version = part.version ?? 2;
  const bytes = new Uint8Array(version === 1 ? 0x24 : 0x3c);
  const view = new DataView(bytes.buffer);
  const slot = part.slot ?? null;
  view.setUint16(2, version | (PORT_TYPE_NUMBERS[part.portType] << 4) | (slot === null ? 0 : 0x100), true);
  // Role-based error reporting is required of every function.
  view.setUint32(DEVICE_CAPABILITIES, (1 << 15) | (part.functionLevelReset ? 1 << 28 : 0), true);
  if (slot !== null) view.setUint32(SLOT_CAPABILITIES, (slot << 19) >>> 0, true);
  if (version > 1) {
    const second = (part.ariForwarding ? 1 << 5 : 0) | (part.endToEndPrefix ? END_TO_END_PREFIX : 0);
    view.setUint32(DEVICE_CAPABILITIES_2, second, true);
    view.setUint16(DEVICE_CONTROL_2, part.ariForwardingEnabled ? 1 << 5 : 0, true);
  }
  return bytes;
}

/**
 * Sets what a PASID capability implies when the part did not say: PASIDs travel in end-to-end prefixes.
 * Spec: PCI Express 6.20 "PASID TLP Prefix".
 */
export function withPrefixesForPasid(body: Uint8Array): Uint8Array {
  const bytes = body.slice();
  if (bytes.length > DEVICE_CAPABILITIES_2) bytes[DEVICE_CAPABILITIES_2 + 2] |= END_TO_END_PREFIX >>> 16;
  return bytes;
}
