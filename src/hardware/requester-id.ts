import type { PciFunction } from './pci/function.js';
import type { PciTopology } from './pci/topology.js';
import { carrierOf } from './pci/volume-management.js';

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
