import { readConfigSpace } from './config-space.js';
import { CARDBUS_HEADER, HEADER, STATUS_HAS_CAPABILITIES } from './header.js';

/** One member of a capability list. */
export interface CapabilityEntry {
  readonly id: number;
  /** 0 in the standard list, which has no such field in its header. */
  readonly version: number;
  /** Byte offset in configuration space. */
  readonly offset: number;
}

/**
 * The standard list, in list order. A list that loops, leaves the first 256 bytes or points into the
 * header ends there: broken devices exist.
 * Spec: PCI Local Bus 6.7 "Capabilities List".
 */
export function standardCapabilities(config: Uint8Array): CapabilityEntry[] {
  const found: CapabilityEntry[] = [];
  const status = readConfigSpace(config, HEADER.status, 2);
  if (status === 0xffff || (status & STATUS_HAS_CAPABILITIES) === 0) return found;
  const isCardBus = (readConfigSpace(config, HEADER.headerType, 1) & 0x7f) === 2;
  const visited = new Set<number>();
  let offset = readConfigSpace(
    config,
    isCardBus ? CARDBUS_HEADER.capabilitiesPointer : HEADER.capabilitiesPointer,
    1,
  );
  for (;;) {
    offset &= 0xfc;
    if (offset < 0x40 || offset + 2 > config.length || visited.has(offset)) return found;
    visited.add(offset);
    const id = config[offset];
    if (id === 0xff) return found;
    found.push({ id, version: 0, offset });
    offset = config[offset + 1];
  }
}

/**
 * The extended list, which starts at 0x100 and exists only in a 4096-byte configuration space. An
 * all-zero or all-ones first header means there is none.
 * Spec: PCI Express 7.6.3 "PCI Express Extended Capability Header".
 */
export function extendedCapabilities(config: Uint8Array): CapabilityEntry[] {
  const found: CapabilityEntry[] = [];
  const visited = new Set<number>();
  let offset = 0x100;
  while (offset >= 0x100 && offset + 4 <= config.length && !visited.has(offset)) {
    visited.add(offset);
    const header = readConfigSpace(config, offset, 4);
    if (header === 0 || header === 0xffffffff) break;
    // Id 0 is the null capability: a link of the list without content.
    if ((header & 0xffff) !== 0) {
      found.push({ id: header & 0xffff, version: (header >>> 16) & 0xf, offset });
    }
    offset = (header >>> 20) & 0xffc;
  }
  return found;
}
