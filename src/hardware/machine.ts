import { pciAddressOf } from '../bits/pci-address.js';
import { type U64, equalU64 } from '../bits/u64.js';
import type { DmarTable, DrhdStructure } from '../layout/dmar/table.js';
import {
  SRIOV_CONTROL_OFFSET,
  SRIOV_NUM_VFS_OFFSET,
  SRIOV_VF_ENABLE,
  SRIOV_VF_MEMORY_ENABLE,
} from '../layout/pci/sriov.js';
import { HostMemory } from '../memory/host-memory.js';
import { DeviceTlb } from './caches/device-tlb.js';
import { type DeviceAccess, type DmaResult, performDeviceDma } from './device-dma.js';
import type { EventSink, HardwareEvent } from './events.js';
import { type ConfigWatcher, PciFunction, type PciFunctionSource } from './pci/function.js';
import { PciTopology } from './pci/topology.js';
import { virtualFunctionSources } from './pci/virtual-function.js';
import { requesterIdOf } from './requester-id.js';
import type { UnitBus } from './unit-core.js';
import { RemappingUnit } from './unit.js';
import { type RoutedUnit, UnitRouting } from './unit-routing.js';

/** Registers of a unit, as firmware or a dump gives them. */
export interface UnitSource {
  readonly registerBase: U64;
  readonly version: number;
  readonly capability: U64;
  readonly extendedCapability: U64;
}

/** What a machine is built from; a firmware description has these and more. */
export interface MachineSource {
  readonly dmar: Pick<DmarTable, 'hostAddressWidth' | 'structures'> | null;
  readonly functions: readonly PciFunctionSource[];
  readonly units: readonly UnitSource[];
}

/** Widest host address the architecture allows; taken where no table says. */
const LARGEST_HOST_ADDRESS_WIDTH = 52;

/** Takes the units' own messages: what serves their interrupts. */
export interface MessageHandler {
  unitMessage(unit: RemappingUnit, address: U64, data: number): void;
}

/** Memory, remapping units and PCI functions, wired as the DMAR table says. */
export class Machine implements ConfigWatcher {
  readonly memory: HostMemory;
  /** In table order: dmar0, dmar1, ... A structure whose registers nobody described has no unit. */
  readonly units: readonly RemappingUnit[];
  readonly topology: PciTopology;
  /** The kernel sets it. Until then messages are lost. */
  messageHandler: MessageHandler | null = null;
  private routing: UnitRouting<RemappingUnit>;
  private readonly routed: readonly RoutedUnit<RemappingUnit>[];
  private readonly deviceTlbs = new Map<PciFunction, DeviceTlb>();

  constructor(options: MachineSource & { readonly events: EventSink<HardwareEvent> }) {
    const hostAddressWidth = options.dmar?.hostAddressWidth ?? LARGEST_HOST_ADDRESS_WIDTH;
    this.memory = new HostMemory(2 ** hostAddressWidth);
    this.topology = new PciTopology(options.functions.map((source) => new PciFunction(source)));
    const drhds = (options.dmar?.structures ?? []).filter(
      (structure): structure is DrhdStructure => structure.kind === 'DRHD',
    );
    this.routed = drhds.flatMap((drhd, index) => {
      const source = options.units.find(({ registerBase }) => equalU64(registerBase, drhd.registerBase));
      if (source === undefined) return [];
      const bus = new MachineBus(this, drhd.segment);
      const unit = new RemappingUnit({
        name: `dmar${index}`,
        segment: drhd.segment,
        memory: this.memory,
        version: source.version,
        capability: source.capability,
        extendedCapability: source.extendedCapability,
        registerBase: source.registerBase,
        hostAddressWidth,
        events: options.events,
        bus,
      });
      bus.unit = unit;
      return [{ unit, drhd }];
    });
    this.units = this.routed.map(({ unit }) => unit);
    this.routing = new UnitRouting(this.topology, this.routed);
  }

  /** The machine a description speaks of, switched on and not yet booted. */
  static fromDescription(description: MachineSource, events: EventSink<HardwareEvent>): Machine {
    const { dmar, functions, units } = description;
    return new Machine({ dmar, functions, units, events });
  }

  /** A card is put into its slot: its functions answer from now on. */
  plug(sources: readonly PciFunctionSource[]): PciFunction[] {
    const functions = sources.map((source) => new PciFunction(source));
    this.topology.add(functions);
    this.routing = new UnitRouting(this.topology, this.routed);
    return functions;
  }

  /** Functions are pulled out of their slots, and what they cached is gone. */
  unplug(functions: readonly PciFunction[]): void {
    this.topology.remove(functions);
    for (const fn of functions) this.deviceTlbs.delete(fn);
    this.routing = new UnitRouting(this.topology, this.routed);
  }

  /**
   * A physical function is told how many virtual functions to show: those it had are gone, the new ones
   * answer. Spec: PCI Express 9.3.3.3 "SR-IOV Control", 9.3.3.7 "NumVFs".
   *
   * @returns the new ones, first one first
   */
  showVirtualFunctions(physical: PciFunction, count: number): PciFunction[] {
    const { sriov } = physical;
    if (sriov === null) throw new RangeError(`${physical.name} has no SR-IOV capability`);
    this.unplug(this.topology.virtualFunctionsOf(physical));
    const at = sriov.offset + SRIOV_CONTROL_OFFSET;
    const enable = SRIOV_VF_ENABLE | SRIOV_VF_MEMORY_ENABLE;
    const control = physical.readConfig(at, 2) & ~enable;
    // NumVFs may change only while the functions are off.
    physical.writeConfig(at, 2, control);
    physical.writeConfig(sriov.offset + SRIOV_NUM_VFS_OFFSET, 2, count);
    if (count === 0) return [];
    physical.writeConfig(at, 2, control | enable);
    return this.plug(virtualFunctionSources(physical));
  }

  /** The unit a function's requests pass; null when there is none. */
  unitFor(fn: PciFunction): RemappingUnit | null {
    return this.routing.unitFor(fn);
  }

  /** The source id a unit sees on a function's requests. */
  requesterId(fn: PciFunction): number {
    return requesterIdOf(this.topology, fn);
  }

  /** A function's translation cache; null unless it has ATS switched on. */
  deviceTlb(fn: PciFunction): DeviceTlb | null {
    if (!(fn.ats?.enabled ?? false)) return null;
    const known = this.deviceTlbs.get(fn);
    if (known !== undefined) return known;
    const made = new DeviceTlb();
    this.deviceTlbs.set(fn, made);
    fn.configWatcher = this;
    return made;
  }

  /**
   * PCI Express: switching ATS off empties the cache. At once, not when somebody next looks: a machine that
   * was looked at in between must go on as one that was not.
   */
  configWritten(fn: PciFunction): void {
    if (!(fn.ats?.enabled ?? false)) this.deviceTlbs.get(fn)?.clear();
  }

  /**
   * A function reads or writes memory.
   *
   * @param sourceId what it puts on its requests where that is not its own id: phantom functions and broken
   * devices do
   */
  dma(
    input: DeviceAccess & { readonly fn: PciFunction },
    sourceId: number = this.requesterId(input.fn),
  ): DmaResult {
    const { fn, ...access } = input;
    return performDeviceDma(
      {
        memory: this.memory,
        unit: this.unitFor(fn),
        sourceId,
        deviceTlb: this.deviceTlb(fn),
      },
      access,
    );
  }

  /** The translation cache of the function with a source id in a segment. */
  deviceTlbAt(segment: number, sourceId: number): DeviceTlb | null {
    const fn = this.topology.find(pciAddressOf(segment, sourceId));
    return fn === null ? null : this.deviceTlb(fn);
  }

  /** Translation caches of the functions behind a unit, by source id. */
  *deviceTlbsOf(unit: RemappingUnit): Generator<readonly [number, DeviceTlb]> {
    for (const [fn, tlb] of this.deviceTlbs) {
      if (this.unitFor(fn) === unit && this.deviceTlb(fn) !== null) yield [this.requesterId(fn), tlb];
    }
  }
}

/** The machine as one of its units reaches it. */
export class MachineBus implements UnitBus {
  unit: RemappingUnit | null = null;

  constructor(
    private readonly machine: Machine,
    private readonly segment: number,
  ) {}

  sendMessage(address: U64, data: number): void {
    this.machine.messageHandler?.unitMessage(this.unit!, address, data);
  }

  deviceTlb(sourceId: number): DeviceTlb | null {
    return this.machine.deviceTlbAt(this.segment, sourceId);
  }

  deviceTlbs(): Iterable<readonly [sourceId: number, tlb: DeviceTlb]> {
    return this.machine.deviceTlbsOf(this.unit!);
  }
}
