import type { PciFunction } from './pci/function.js';
import type { PciTopology } from './pci/topology.js';

/** Domains from here up lie behind a volume management device: a DMAR table cannot name them. */
const FIRST_MANAGED_DOMAIN = 0x10000;
const INTEL = 0x8086;
const VOLUME_MANAGEMENT_DEVICES: ReadonlySet<number> = new Set([
  0x201d, 0x28c0, 0x467f, 0x4c3d, 0x7d0b, 0x9a0b, 0xa77f, 0xad0b, 0xb06f,
]);

/**
 * The function on a bus a DMAR table can name that carries another's requests: itself, or the volume
 * management device it is behind, these being numbered in the order they are found.
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

/**
 * The source id a function's requests have when they reach the root complex. Ports of a PCIe hierarchy
 * pass it on; a bridge from conventional PCI puts its own in its place, a PCIe-to-PCI bridge that of
 * device 0 on its secondary bus. Spec: VT-d 3.4.1 "Source Identifier"; PCI Express to PCI Bridge 2.3.
 */
export function requesterIdOf(topology: PciTopology, fn: PciFunction): number {
  const carrier = carrierOf(topology, fn);
  let sourceId = carrier.sourceId;
  for (const bridge of topology.bridgesAbove(carrier)) {
    if (bridge.pcieType === 'PCIE_TO_PCI_BRIDGE') sourceId = (bridge.secondaryBus ?? 0) << 8;
    else if (bridge.pcieType === 'PCI_TO_PCIE_BRIDGE' || bridge.pcieType === null) sourceId = bridge.sourceId;
  }
  return sourceId;
}
