import { readConfigSpace } from './config-space.js';

/** Offsets of the configuration space header. Spec: PCI Local Bus 6.1 "Configuration Space Organization". */
export const HEADER = {
  vendorId: 0x00,
  deviceId: 0x02,
  command: 0x04,
  status: 0x06,
  revision: 0x08,
  classCode: 0x09,
  cacheLineSize: 0x0c,
  latencyTimer: 0x0d,
  headerType: 0x0e,
  bist: 0x0f,
  bar0: 0x10,
  expansionRom: 0x30,
  capabilitiesPointer: 0x34,
  interruptLine: 0x3c,
  interruptPin: 0x3d,
} as const;

/** Header of a PCI-to-PCI bridge. Spec: PCI-to-PCI Bridge 3.2 "PCI-to-PCI Bridge Configuration Space Header". */
export const BRIDGE_HEADER = {
  primaryBus: 0x18,
  secondaryBus: 0x19,
  subordinateBus: 0x1a,
  bridgeControl: 0x3e,
} as const;

/** Header of a CardBus bridge, whose capability pointer stands elsewhere. */
export const CARDBUS_HEADER = {
  capabilitiesPointer: 0x14,
  secondaryBus: 0x19,
  subordinateBus: 0x1a,
} as const;

export const STATUS_HAS_CAPABILITIES = 0x10;

export type HeaderKind = 'ENDPOINT' | 'BRIDGE' | 'CARDBUS' | 'UNKNOWN';

/** What every function says of itself in its first 64 bytes. */
export interface ConfigHeader {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly command: number;
  readonly status: number;
  readonly revision: number;
  /** Base class, subclass and interface as one 24-bit number. */
  readonly classCode: number;
  readonly kind: HeaderKind;
  /** Bit 7 of the header type: the slot has further functions. Meaningful in function 0 only. */
  readonly multifunctionBit: boolean;
  /** Zero except in the header of an endpoint. */
  readonly subsystemVendorId: number;
  readonly subsystemId: number;
  /** Null unless the header is a bridge's. */
  readonly secondaryBus: number | null;
  readonly subordinateBus: number | null;
}

export function decodeHeader(config: Uint8Array): ConfigHeader {
  const headerType = readConfigSpace(config, HEADER.headerType, 1);
  const kind = headerKind(headerType);
  const bridges = kind === 'BRIDGE' || kind === 'CARDBUS';
  return {
    vendorId: readConfigSpace(config, HEADER.vendorId, 2),
    deviceId: readConfigSpace(config, HEADER.deviceId, 2),
    command: readConfigSpace(config, HEADER.command, 2),
    status: readConfigSpace(config, HEADER.status, 2),
    revision: readConfigSpace(config, HEADER.revision, 1),
    classCode: readConfigSpace(config, HEADER.revision, 4) >>> 8,
    kind,
    multifunctionBit: headerType !== 0xff && (headerType & 0x80) !== 0,
    subsystemVendorId: kind === 'ENDPOINT' ? readConfigSpace(config, 0x2c, 2) : 0,
    subsystemId: kind === 'ENDPOINT' ? readConfigSpace(config, 0x2e, 2) : 0,
    secondaryBus: bridges ? readConfigSpace(config, BRIDGE_HEADER.secondaryBus, 1) : null,
    subordinateBus: bridges ? readConfigSpace(config, BRIDGE_HEADER.subordinateBus, 1) : null,
  };
}

function headerKind(headerType: number): HeaderKind {
  switch (headerType & 0x7f) {
    case 0:
      return 'ENDPOINT';
    case 1:
      return 'BRIDGE';
    case 2:
      return 'CARDBUS';
    default:
      return 'UNKNOWN';
  }
}
