import { pciAddressOf } from '../bits/pci-address.js';
import { type U64, equalU64 } from '../bits/u64.js';
import type { DmarTable, DrhdStructure } from '../layout/dmar/table.js';
import { HostMemory } from '../memory/host-memory.js';
import { DeviceTlb } from './caches/device-tlb.js';
import { type DeviceAccess, type DmaResult, performDeviceDma } from './device-dma.js';
import type { HardwareEvent } from './events.js';
import { PciFunction, type PciFunctionSource } from './pci/function.js';
import { PciTopology } from './pci/topology.js';
import { requesterIdOf } from './requester-id.js';
import { RemappingUnit } from './unit.js';
import { UnitRouting } from './unit-routing.js';

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

/** Memory, remapping units and PCI functions, wired as the DMAR table says. */
export class Machine {
  readonly memory: HostMemory;
  /** In table order: dmar0, dmar1, ... A structure whose registers nobody described has no unit. */
  readonly units: readonly RemappingUnit[];
  readonly topology: PciTopology;
  /** Takes the units' own messages; the kernel sets it. Until then they are lost. */
  onMessage: (unit: RemappingUnit, address: U64, data: number) => void = () => {};
  private readonly routing: UnitRouting<RemappingUnit>;
  private readonly deviceTlbs = new Map<PciFunction, DeviceTlb>();

  constructor(options: MachineSource & { readonly emit: (event: HardwareEvent) => void }) {
    const hostAddressWidth = options.dmar?.hostAddressWidth ?? LARGEST_HOST_ADDRESS_WIDTH;
    this.memory = new HostMemory(2 ** hostAddressWidth);
    this.topology = new PciTopology(options.functions.map((source) => new PciFunction(source)));
    const drhds = (options.dmar?.structures ?? []).filter(
      (structure): structure is DrhdStructure => structure.kind === 'DRHD',
    );
    const routed = drhds.flatMap((drhd, index) => {
      const source = options.units.find(({ registerBase }) => equalU64(registerBase, drhd.registerBase));
      if (source === undefined) return [];
      const unit: RemappingUnit = new RemappingUnit({
        name: `dmar${index}`,
        segment: drhd.segment,
        memory: this.memory,
        version: source.version,
        capability: source.capability,
        extendedCapability: source.extendedCapability,
        registerBase: source.registerBase,
        hostAddressWidth,
        emit: options.emit,
        sendMessage: (address, data) => this.onMessage(unit, address, data),
        deviceTlb: (sourceId) => this.deviceTlbAt(drhd.segment, sourceId),
        deviceTlbs: () => this.deviceTlbsOf(unit),
      });
      return [{ unit, drhd }];
    });
    this.units = routed.map(({ unit }) => unit);
    this.routing = new UnitRouting(this.topology, routed);
  }

  /** The machine a description speaks of, switched on and not yet booted. */
  static fromDescription(description: MachineSource, emit: (event: HardwareEvent) => void): Machine {
    const { dmar, functions, units } = description;
    return new Machine({ dmar, functions, units, emit });
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
    // PCI Express: switching ATS off empties the cache. At once, not when somebody next looks: a machine that
    // was looked at in between must go on as one that was not.
    fn.onConfigWrite = () => {
      if (!fn.ats!.enabled) made.clear();
    };
    return made;
  }

  /** A function reads or writes memory. */
  dma(input: DeviceAccess & { readonly fn: PciFunction }): DmaResult {
    const { fn, ...access } = input;
    return performDeviceDma(
      {
        memory: this.memory,
        unit: this.unitFor(fn),
        sourceId: this.requesterId(fn),
        deviceTlb: this.deviceTlb(fn),
      },
      access,
    );
  }

  private deviceTlbAt(segment: number, sourceId: number): DeviceTlb | null {
    const fn = this.topology.find(pciAddressOf(segment, sourceId));
    return fn === null ? null : this.deviceTlb(fn);
  }

  private *deviceTlbsOf(unit: RemappingUnit): Generator<readonly [number, DeviceTlb]> {
    for (const [fn, tlb] of this.deviceTlbs) {
      if (this.unitFor(fn) === unit && this.deviceTlb(fn) !== null) yield [this.requesterId(fn), tlb];
    }
  }
}
