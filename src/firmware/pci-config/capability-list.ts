/** A capability found in a configuration space. */
export interface FoundCapability {
  readonly id: number;
  readonly offset: number;
}

const MAX_CONVENTIONAL = 48;
const MAX_EXTENDED = (4096 - 256) / 8;

/**
 * Capabilities of a configuration space in list order. Garbled lists end where they leave the space or
 * come back to a place already seen. Linux: __pci_find_next_cap_ttl(), pci_find_next_ext_capability().
 */
export function listCapabilities(config: Uint8Array): FoundCapability[] {
  const found: FoundCapability[] = [];
  if (config.length < 64 || (config[6] & 0x10) === 0) return found;
  const seen = new Set<number>();
  let offset = config[(config[14] & 0x7f) === 2 ? 0x14 : 0x34] & ~3;
  while (offset >= 0x40 && offset + 1 < Math.min(config.length, 256) && seen.size < MAX_CONVENTIONAL) {
    if (seen.has(offset) || config[offset] === 0xff) break;
    seen.add(offset);
    found.push({ id: config[offset], offset });
    offset = config[offset + 1] & ~3;
  }
  return found;
}

/** Extended capabilities in list order, without null entries. */
export function listExtendedCapabilities(config: Uint8Array): FoundCapability[] {
  const found: FoundCapability[] = [];
  const view = new DataView(config.buffer, config.byteOffset, config.byteLength);
  const seen = new Set<number>();
  let offset = 0x100;
  while (offset >= 0x100 && offset + 4 <= config.length && seen.size < MAX_EXTENDED) {
    const header = view.getUint32(offset, true);
    // Zero ends the list; all ones is a space that could not be read.
    if (header === 0 || header === 0xffffffff || seen.has(offset)) break;
    seen.add(offset);
    const id = header & 0xffff;
    if (id !== 0) found.push({ id, offset });
    offset = (header >>> 20) & ~3;
  }
  return found;
}
