import {
  type PciAddress,
  comparePciAddress,
  formatPciAddress,
  pciAddressOf,
} from '../../bits/pci-address.js';
import type { DeviceScope } from '../../layout/dmar/table.js';
import { virtualFunctionIds } from '../../layout/pci/sriov.js';
import type { PciFunction } from './function.js';

/** How the functions of a machine hang together: buses, the bridges above them, virtual functions. */
export class PciTopology {
  private readonly byName = new Map<string, PciFunction>();
  private readonly byBus = new Map<string, PciFunction[]>();
  /** The bridge whose secondary bus this is. */
  private readonly bridgeOfBus = new Map<string, PciFunction>();

  constructor(functions: Iterable<PciFunction>) {
    this.settle(functions);
  }

  /** By name (`dddd:bb:dd.f`), in address order. */
  get functions(): ReadonlyMap<string, PciFunction> {
    return this.byName;
  }

  /** Functions that are put into slots while the machine runs. */
  add(functions: readonly PciFunction[]): void {
    this.settle([...this.byName.values(), ...functions]);
  }

  /** Functions that are taken out of their slots while the machine runs. */
  remove(functions: readonly PciFunction[]): void {
    this.settle([...this.byName.values()].filter((fn) => !functions.includes(fn)));
  }

  /** Finds buses and links anew, of these functions and no others. */
  private settle(functions: Iterable<PciFunction>): void {
    const sorted = [...functions].sort((a, b) => comparePciAddress(a.address, b.address));
    for (const map of [this.byName, this.byBus, this.bridgeOfBus]) map.clear();
    for (const fn of sorted) {
      this.byName.set(fn.name, fn);
      const key = busKey(fn.address.domain, fn.address.bus);
      const onBus = this.byBus.get(key);
      if (onBus === undefined) this.byBus.set(key, [fn]);
      else onBus.push(fn);
      this.noteBridge(fn);
    }
    this.linkVirtualFunctions();
  }

  /** The function at an address; null when there is none. */
  find(address: PciAddress): PciFunction | null {
    return this.functions.get(formatPciAddress(address)) ?? null;
  }

  /** Whether a bus is there: it has functions, or a bridge leads to it. */
  hasBus(domain: number, bus: number): boolean {
    const key = busKey(domain, bus);
    return this.byBus.has(key) || this.bridgeOfBus.has(key);
  }

  /** Virtual functions of a physical one, in address order. */
  virtualFunctionsOf(physical: PciFunction): PciFunction[] {
    return [...this.byName.values()].filter((fn) => fn.physicalFunction === physical);
  }

  /** Functions of one bus in address order. */
  onBus(domain: number, bus: number): readonly PciFunction[] {
    return this.byBus.get(busKey(domain, bus)) ?? [];
  }

  /** Functions of the same slot in function order, the given one included. */
  slotOf(fn: PciFunction): readonly PciFunction[] {
    return this.onBus(fn.address.domain, fn.address.bus).filter(
      (other) => other.address.device === fn.address.device,
    );
  }

  /**
   * The bridge a function's requests pass first; null on a root bus. A virtual function on a bus of its
   * own, behind no bridge, is reached through its physical function's bus.
   */
  upstreamBridge(fn: PciFunction): PciFunction | null {
    const at = (fn.physicalFunction ?? fn).address;
    return this.bridgeOfBus.get(busKey(at.domain, at.bus)) ?? null;
  }

  /** Bridges from the function up to the root bus, nearest first. */
  bridgesAbove(fn: PciFunction): PciFunction[] {
    const above: PciFunction[] = [];
    // A bridge that claims its own bus as secondary would never end; each is taken once.
    for (let at = this.upstreamBridge(fn); at !== null && !above.includes(at); at = this.upstreamBridge(at)) {
      above.push(at);
    }
    return above;
  }

  /** Whether a function is on one of the buses behind a bridge, by the bridge's bus range. */
  isBehind(bridge: PciFunction, fn: PciFunction): boolean {
    const { secondaryBus, subordinateBus } = bridge;
    return (
      secondaryBus !== null &&
      subordinateBus !== null &&
      secondaryBus !== 0 &&
      bridge.address.domain === fn.address.domain &&
      fn.address.bus >= secondaryBus &&
      fn.address.bus <= subordinateBus
    );
  }

  /**
   * The function a device scope names: from the start bus each hop but the last goes through a bridge to
   * its secondary bus. Null when a hop is missing, or no bridge, or the scope names no PCI function.
   * Spec: VT-d 8.3.1 "Device Scope Structure".
   */
  resolveScope(segment: number, scope: DeviceScope): PciFunction | null {
    if (scope.kind !== 'PCI_ENDPOINT' && scope.kind !== 'PCI_SUB_HIERARCHY') return null;
    let bus = scope.startBus;
    for (let i = 0; ; i++) {
      const hop = scope.path[i];
      if (hop === undefined) return null;
      const fn = this.find({ domain: segment, bus, device: hop.device, function: hop.function });
      if (fn === null || i === scope.path.length - 1) return fn;
      if (fn.secondaryBus === null || fn.secondaryBus === 0) return null;
      bus = fn.secondaryBus;
    }
  }

  private noteBridge(fn: PciFunction): void {
    const secondary = fn.secondaryBus;
    // Bus 0 behind a bridge means firmware has not numbered it: nothing is reachable there.
    if (secondary === null || secondary === 0 || secondary === fn.address.bus) return;
    const key = busKey(fn.address.domain, secondary);
    if (!this.bridgeOfBus.has(key)) this.bridgeOfBus.set(key, fn);
  }

  /** Stated links first; then what the SR-IOV capability of each physical function says is switched on. */
  private linkVirtualFunctions(): void {
    for (const fn of this.functions.values()) {
      const stated = fn.statedPhysicalFunction;
      const physical = stated === null ? null : this.find(stated);
      if (physical !== null && physical !== fn) fn.belongsTo(physical);
    }
    for (const fn of this.functions.values()) {
      const sriov = fn.sriov;
      if (sriov === null || fn.isVirtual) continue;
      for (const id of virtualFunctionIds(sriov, fn.sourceId)) {
        const virtual = this.find(pciAddressOf(fn.address.domain, id));
        if (virtual !== null && virtual !== fn && !virtual.isVirtual) virtual.belongsTo(fn);
      }
    }
  }
}

function busKey(domain: number, bus: number): string {
  return `${domain}:${bus}`;
}
