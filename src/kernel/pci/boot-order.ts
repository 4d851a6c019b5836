import type { PciFunction } from '../../hardware/pci/function.js';
import type { PciTopology } from '../../hardware/pci/topology.js';

/** A bus no bridge leads to. */
export interface RootBus {
  readonly domain: number;
  readonly bus: number;
}

/**
 * Functions in the order a boot finds them, which is the order groups are numbered in: a whole bus first,
 * then what is behind each of its bridges, bridge by bridge. Virtual functions come with the driver of
 * their physical function, after everything else. Linux: pci_scan_child_bus_extend().
 *
 * @param rootBuses the order in which ACPI lists host bridges, which configuration space does not tell;
 *   buses it leaves out follow by number
 */
export function bootOrder(topology: PciTopology, rootBuses: readonly RootBus[] = []): PciFunction[] {
  const found = new Set<PciFunction>();
  const scan = (domain: number, bus: number): void => {
    const here = topology.onBus(domain, bus).filter((fn) => !fn.isVirtual && !found.has(fn));
    for (const fn of here) found.add(fn);
    for (const fn of here) {
      const behind = fn.secondaryBus;
      if (behind !== null && behind !== 0) scan(domain, behind);
    }
  };
  for (const { domain, bus } of rootBuses) scan(domain, bus);
  for (const fn of topology.functions.values()) {
    if (!fn.isVirtual && topology.upstreamBridge(fn) === null) scan(fn.address.domain, fn.address.bus);
  }
  // What no root bus leads to (a bridge missing from the description), and virtual functions.
  for (const fn of topology.functions.values()) if (!fn.isVirtual) found.add(fn);
  for (const fn of topology.functions.values()) found.add(fn);
  return [...found];
}
