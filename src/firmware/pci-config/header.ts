import { BRIDGE_HEADER, HEADER } from '../../layout/pci/header.js';

/** What the first 64 bytes of a configuration space say. Everything left out reads as zero. */
export interface HeaderPart {
  readonly vendorId: number;
  readonly deviceId: number;
  /** 24 bits: base class, subclass, programming interface. */
  readonly classCode: number;
  readonly revision?: number;
  readonly command?: number;
  readonly multiFunction?: boolean;
  readonly subsystemVendorId?: number;
  readonly subsystemId?: number;
  /** Raw base address registers: up to six, two for a bridge. */
  readonly baseAddresses?: readonly number[];
  /** 1 to 4 for INTA to INTD. */
  readonly interruptPin?: number;
  /** Makes this a bridge (header type 1). */
  readonly bridge?: BridgePart;
}

export interface BridgePart {
  readonly primary: number;
  readonly secondary: number;
  readonly subordinate: number;
  /** A CardBus bridge has header type 2 with the bus numbers at the same offsets. */
  readonly cardBus?: boolean;
}

const HEADER_BYTES = 64;
const SUBSYSTEM = 0x2c;

/** The 64 header bytes, without the capability pointer. */
export function headerBytes(part: HeaderPart): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, part.vendorId, true);
  view.setUint16(2, part.deviceId, true);
  view.setUint16(HEADER.command, part.command ?? 0, true);
  view.setUint32(HEADER.revision, ((part.classCode << 8) | (part.revision ?? 0)) >>> 0, true);
  const type = part.bridge ? (part.bridge.cardBus ? 2 : 1) : 0;
  bytes[HEADER.headerType] = type | (part.multiFunction ? 0x80 : 0);
  const registers = [6, 2, 1][type];
  (part.baseAddresses ?? []).slice(0, registers).forEach((value, index) => {
    view.setUint32(HEADER.bar0 + index * 4, value >>> 0, true);
  });
  bytes[HEADER.interruptPin] = part.interruptPin ?? 0;
  if (part.bridge) {
    bytes[BRIDGE_HEADER.primaryBus] = part.bridge.primary;
    bytes[BRIDGE_HEADER.secondaryBus] = part.bridge.secondary;
    bytes[BRIDGE_HEADER.subordinateBus] = part.bridge.subordinate;
  } else {
    view.setUint16(SUBSYSTEM, part.subsystemVendorId ?? 0, true);
    view.setUint16(SUBSYSTEM + 2, part.subsystemId ?? 0, true);
  }
  return bytes;
}
