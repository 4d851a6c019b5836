import { readConfigSpace } from './config-space.js';

/** Device/port types by their number in the PCIe capability. Spec: PCI Express 7.5.3.2 "PCI Express Capabilities Register". */
const PORT_TYPES = {
  0: 'ENDPOINT',
  1: 'LEGACY_ENDPOINT',
  4: 'ROOT_PORT',
  5: 'UPSTREAM_PORT',
  6: 'DOWNSTREAM_PORT',
  7: 'PCIE_TO_PCI_BRIDGE',
  8: 'PCI_TO_PCIE_BRIDGE',
  9: 'ROOT_COMPLEX_ENDPOINT',
  10: 'ROOT_COMPLEX_EVENT_COLLECTOR',
} as const;

export type PciePortType = (typeof PORT_TYPES)[keyof typeof PORT_TYPES] | 'UNKNOWN';

/** The PCIe capability, as far as remapping cares. */
export interface ExpressCapability {
  readonly offset: number;
  readonly version: number;
  readonly portType: PciePortType;
  /** The link of this port goes to a slot. */
  readonly slotImplemented: boolean;
  /** Alternative routing ids can be forwarded (device capabilities 2, bit 5). */
  readonly ariForwarding: boolean;
  /** TLP prefixes of the end-to-end kind, which carry a PASID, are supported (device capabilities 2, bit 21). */
  readonly endToEndPrefix: boolean;
}

export function decodeExpress(config: Uint8Array, offset: number): ExpressCapability {
  const flags = readConfigSpace(config, offset + 2, 2);
  const version = flags & 0xf;
  const type = (flags >>> 4) & 0xf;
  // Version 1 capabilities may end before the second set of registers.
  const second =
    version >= 2 && offset + 0x28 <= config.length ? readConfigSpace(config, offset + 0x24, 4) : 0;
  return {
    offset,
    version,
    portType: type in PORT_TYPES ? PORT_TYPES[type as keyof typeof PORT_TYPES] : 'UNKNOWN',
    slotImplemented: (flags & 0x100) !== 0,
    ariForwarding: (second & 0x20) !== 0,
    endToEndPrefix: (second & 0x200000) !== 0,
  };
}
