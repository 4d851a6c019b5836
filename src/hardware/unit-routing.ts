import type { DrhdStructure } from '../layout/dmar/table.js';
import type { PciFunction } from './pci/function.js';
import type { PciTopology } from './pci/topology.js';
import { carrierOf } from './pci/volume-management.js';

/** A unit with the part of the machine its DMAR structure gives it. */
export interface RoutedUnit<U> {
  readonly unit: U;
  readonly drhd: DrhdStructure;
}

/**
 * Which unit a function's requests pass: the one that lists it, else the one that lists the nearest bridge
 * above it, else the one that covers the rest of the segment. A virtual function goes where its physical
 * function goes. Spec: VT-d 8.3 "DMA Remapping Hardware Unit Definition Structure".
 */
export class UnitRouting<U> {
  private readonly listed = new Map<PciFunction, U>();
  private readonly bridges = new Map<PciFunction, U>();
  private readonly rest = new Map<number, U>();
  private readonly found = new Map<PciFunction, U | null>();

  constructor(
    private readonly topology: PciTopology,
    units: readonly RoutedUnit<U>[],
  ) {
    for (const { unit, drhd } of units) {
      if (drhd.includeAll) this.rest.set(drhd.segment, unit);
      for (const scope of drhd.scopes) {
        const fn = topology.resolveScope(drhd.segment, scope);
        if (fn === null) continue;
        if (!this.listed.has(fn)) this.listed.set(fn, unit);
        if (scope.kind === 'PCI_SUB_HIERARCHY' && !this.bridges.has(fn)) this.bridges.set(fn, unit);
      }
    }
  }

  /** Null when no unit serves it: its requests reach memory as they are. */
  unitFor(fn: PciFunction): U | null {
    const known = this.found.get(fn);
    if (known !== undefined) return known;
    const unit = this.search(fn);
    this.found.set(fn, unit);
    return unit;
  }

  private search(fn: PciFunction): U | null {
    const carrier = carrierOf(this.topology, fn);
    const at = carrier.physicalFunction ?? carrier;
    const exact = this.listed.get(at);
    if (exact !== undefined) return exact;
    for (const bridge of this.topology.bridgesAbove(at)) {
      const unit = this.bridges.get(bridge);
      if (unit !== undefined) return unit;
    }
    return this.rest.get(at.address.domain) ?? null;
  }
}
