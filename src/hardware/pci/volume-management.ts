import type { PciFunction } from './function.js';
import type { PciTopology } from './topology.js';

/** Domains from here up lie behind a volume management device: a DMAR table cannot name them. */
const FIRST_MANAGED_DOMAIN = 0x10000;
const INTEL = 0x8086;
/** Linux: vmd_ids[]. */
const VOLUME_MANAGEMENT_DEVICES: ReadonlySet<number> = new Set([
  0x201d, 0x28c0, 0x467f, 0x4c3d, 0x7d0b, 0x9a0b, 0xa77f, 0xad0b, 0xb06f,
]);

/**
 * The function on a bus a DMAR table can name that carries another's requests: itself, or the volume
 * management device it is behind, these being numbered in the order they are found.
 * Linux: pci_real_dma_dev(), vmd_find_free_domain().
 */
export function carrierOf(topology: PciTopology, fn: PciFunction): PciFunction {
  let nth = fn.address.domain - FIRST_MANAGED_DOMAIN;
  if (nth < 0) return fn;
  for (const candidate of topology.functions.values()) {
    const { address, vendorId, deviceId } = candidate;
    if (address.domain >= FIRST_MANAGED_DOMAIN || vendorId !== INTEL) continue;
    if (VOLUME_MANAGEMENT_DEVICES.has(deviceId) && nth-- === 0) return candidate;
  }
  return fn;
}
