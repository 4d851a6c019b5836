import type { U64 } from '../bits/u64.js';
import type { PciFunction } from '../hardware/pci/function.js';
import type { DmarTable } from '../layout/dmar/table.js';
import { boot } from './boot.js';
import type { KernelConfig } from './config.js';
import type { EventSink, KernelEvent } from './events.js';
import { bindDriver, unbindDriver } from './device/driver.js';
import { removeDevice, rescan } from './device/hotplug.js';
import { setNumVfs } from './device/sriov.js';
import { type DmaMapRequest, dmaMap, dmaUnmap } from './dma/dma-api.js';
import { runFlushTimers } from './dma/flush-queue.js';
import { InSteps } from './in-steps.js';
import { handleUnitMessage } from './intel/messages.js';
import type { InterruptRemapping } from './intel/interrupt-remapping.js';
import type { IntelUnit } from './intel/unit.js';
import { allocDomain, freeDomain } from './iommu/alloc-domain.js';
import { type AttachOutcome, attach } from './iommu/attach.js';
import { detach } from './iommu/detach.js';
import { disableFeature, enableFeature, featureStates } from './iommu/features.js';
import { iovaToPhys } from './iommu/iova-to-phys.js';
import { type MapRequest, type PageCount, map } from './iommu/map.js';
import { setGroupType } from './iommu/group-type.js';
import { groupReservedRegions, reservedRegions } from './iommu/reserved.js';
import { unmap } from './iommu/unmap.js';
import type { KernelLog } from './log/kernel-log.js';
import type { MachinePort, UnitRegisters } from './machine-port.js';
import { createMdev, createSoftwareMdev } from './mdev/create.js';
import { groupName } from './mdev/group-name.js';
import { removeMdev } from './mdev/remove.js';
import { mdevTypes } from './mdev/types.js';
import type { Bus, SubdeviceFramework } from './iommu/bus.js';
import type { DeviceFeature, FeatureState } from './iommu/device-feature.js';
import type { Domain, DomainType } from './iommu/domain.js';
import type { Endpoint } from './iommu/endpoint.js';
import type { IommuGroup } from './iommu/iommu-group.js';
import type { KernelDevice } from './device/kernel-device.js';
import type { MdevType } from './mdev/mdev-type.js';
import type { MdevParent } from './mdev/mdev-parent.js';
import type { ReservedRegion } from './iommu/reserved-region.js';
import type { SoftwareParent } from './mdev/software-parent.js';
import type { SoftwareSubdevice, Subdevice } from './mdev/subdevice.js';
import type { KernelOption } from './profile/options.js';
import type { UserRange } from './vfio/user-memory.js';
import { Vfio } from './vfio/vfio.js';
import { type DeviceInput, KernelState, type OtherUnitInput, type SoftwareParentInput } from './state.js';
import { wholly } from './steps.js';
import { tableMemoryOf } from './table-memory.js';
import { svaBind, svaUnbind } from './sva/bind.js';
import type { ProcessMemory } from './sva/process-memory.js';

/** What a kernel is made from. */
export interface KernelInput {
  readonly config: KernelConfig;
  readonly machine: MachinePort;
  /** Null when the machine has no DMAR table. */
  readonly dmar: DmarTable | null;
  readonly events: EventSink<KernelEvent>;
  /** In the order of enumeration. */
  readonly devices: readonly DeviceInput[];
  /** Drivers that make subdevices without hardware. */
  readonly softwareParents?: readonly SoftwareParentInput[];
  /** Units of other vendors. */
  readonly otherUnits?: readonly OtherUnitInput[];
  /** Whether the processors have 32-bit interrupt ids; true when left out. */
  readonly x2apic?: boolean;
}

/**
 * One simulated kernel: its objects, for reading, and its verbs.
 *
 * Each verb is a file of its own; here they are only found. A refusal is a thrown KernelError and leaves
 * everything as it was, except where the real kernel gives up half-way and the verb's file says so.
 */
export class Kernel {
  /** What user space asks through VFIO. */
  readonly vfio: Vfio;
  private readonly state: KernelState;

  /** Throws a KernelConfigError for a combination of options that is not modelled. */
  constructor(input: KernelInput) {
    this.state = new KernelState(input);
    this.vfio = new Vfio(this.state);
    input.machine.messageHandler = this;
  }

  /** A unit's own interrupt arrived. */
  unitMessage(unit: UnitRegisters, address: U64, data: number): void {
    handleUnitMessage(this.state, unit.registerBase, address, data);
  }

  /** Milliseconds; the platform sets it before every command. Rate limits read it, and timers that are due run. */
  get now(): number {
    return this.state.now;
  }
  set now(milliseconds: number) {
    this.state.now = milliseconds;
    this.state.told = 0;
    runFlushTimers(this.state);
  }

  /** Verbs that can take long, to be driven step by step. */
  get inSteps(): InSteps {
    return new InSteps(this.state);
  }

  /** Brings the machine up: units, groups, default domains, translation on. Once. */
  boot(): void {
    wholly(boot(this.state));
  }

  get config(): KernelConfig {
    return this.state.config;
  }
  /** Physical buses, then those of subdevices; `pci` and `mdev` on most machines. */
  get buses(): ReadonlyMap<string, Bus> {
    return this.state.buses;
  }
  /** By PCI address, in the order of enumeration. */
  get devices(): ReadonlyMap<string, KernelDevice> {
    return this.state.devices;
  }
  /** By UUID, lower case, oldest first. */
  get subdevices(): ReadonlyMap<string, Subdevice> {
    return this.state.subdevices;
  }
  /** Parents that are no PCI functions, by name. */
  get softwareParents(): ReadonlyMap<string, SoftwareParent> {
    return this.state.softwareParents;
  }
  /** Their subdevices, by UUID. */
  get softwareSubdevices(): ReadonlyMap<string, SoftwareSubdevice> {
    return this.state.softwareSubdevices;
  }
  /** By number, oldest first. */
  get groups(): ReadonlyMap<number, IommuGroup> {
    return this.state.groups;
  }
  /** By number; numbers are never used again. */
  get domains(): ReadonlyMap<number, Domain> {
    return this.state.domains;
  }
  /** Units in the order of the DMAR table, dmar0 first. */
  get units(): readonly IntelUnit[] {
    return this.state.units;
  }
  get log(): KernelLog {
    return this.state.log;
  }
  /** Whether the driver runs its units in scalable mode: asked for, and every unit can. */
  get scalableMode(): boolean {
    return this.state.scalableMode;
  }
  get scalableModeReason(): string {
    return this.state.scalableModeReason;
  }
  /** Whether interrupt messages of devices go through a table, and why (not). */
  get interruptRemapping(): InterruptRemapping {
    return this.state.interruptRemapping;
  }
  /** Whether subdevices have IOMMU operations of their own. Linux (series): intel_siov_init(). */
  get subdeviceOpsRegistered(): boolean {
    const tables = [...this.buses.values()].flatMap((bus) => [bus.iommuOps, ...bus.opsOfVendor.values()]);
    return tables.some((ops) => ops?.name === 'siov_iommu_ops');
  }
  /** Build options that matter here, with the option that selected each. */
  options(): KernelOption[] {
    return this.state.options.list();
  }

  featureState(device: Endpoint): FeatureState[] {
    return featureStates(device);
  }
  hasFeature(device: Endpoint, feature: DeviceFeature): boolean {
    return featureStates(device).some((state) => state.feature === feature && state.supported);
  }
  enableFeature(device: Endpoint, feature: DeviceFeature): void {
    enableFeature(this.state, device, feature);
  }
  disableFeature(device: Endpoint, feature: DeviceFeature): void {
    disableFeature(this.state, device, feature);
  }

  /** @param pid the user's number of the process; its memory is looked at when it is new */
  svaBind(device: KernelDevice, pid: number, userMemory: readonly UserRange[] | null): ProcessMemory {
    return svaBind(this.state, device, pid, userMemory);
  }
  svaUnbind(device: KernelDevice, pid: number): void {
    svaUnbind(this.state, device, pid);
  }
  /** By number, oldest first. */
  get processes(): ReadonlyMap<number, ProcessMemory> {
    return this.state.processes;
  }
  /** Processes a device shares the address space of. */
  processesOf(device: KernelDevice): ProcessMemory[] {
    return [...this.state.processes.values()].filter(({ bonds }) => bonds.has(device));
  }

  mdevTypes<P extends MdevParent>(parent: P): MdevType<P>[] {
    return mdevTypes(this.state, parent);
  }
  /** @param framework whose bus it is put on */
  createMdev(
    parent: KernelDevice,
    typeName: string,
    uuid: string,
    framework: SubdeviceFramework = 'mdev',
  ): Subdevice {
    return createMdev(this.state, parent, typeName, uuid, framework);
  }
  createSoftwareMdev(parent: SoftwareParent, typeName: string, uuid: string): SoftwareSubdevice {
    return createSoftwareMdev(this.state, parent, typeName, uuid);
  }
  removeMdev(subdevice: Subdevice | SoftwareSubdevice): void {
    removeMdev(this.state, subdevice);
  }
  /** What the `name` file of a group shows; null without such a file. */
  groupName(group: IommuGroup): string | null {
    return groupName(this.state, group);
  }
  /** Writes the `type` file of a group. Linux: iommu_group_store_type(). */
  setGroupType(group: IommuGroup, word: string): void {
    setGroupType(this.state, group, word);
  }
  /** @param vectors message-signalled interrupts the driver asks for */
  bindDriver(device: KernelDevice, driver: string, vectors = 0): void {
    bindDriver(this.state, device, driver, vectors);
  }
  unbindDriver(device: KernelDevice): void {
    unbindDriver(this.state, device);
  }
  /** What a card just put into a slot is known to be, for the scan that will find it. */
  learn(input: DeviceInput): void {
    this.state.learn(input);
  }
  /** Functions the kernel did not know, as it knows them now; null to look everywhere. */
  rescan(among: readonly PciFunction[] | null): KernelDevice[] {
    return rescan(this.state, among);
  }
  /** Names of the devices that went. */
  removeDevice(device: KernelDevice): string[] {
    return removeDevice(this.state, device);
  }
  /** The virtual functions it has then. */
  setNumVfs(device: KernelDevice, count: number): KernelDevice[] {
    return setNumVfs(this.state, device, count);
  }

  allocDomain(bus: string, type: DomainType): Domain {
    return allocDomain(this.state, bus, type);
  }
  freeDomain(domain: Domain): void {
    wholly(freeDomain(this.state, domain));
  }
  attach(domain: Domain, target: Endpoint | IommuGroup): AttachOutcome {
    return attach(this.state, domain, target);
  }
  detach(domain: Domain, target: Endpoint | IommuGroup): void {
    detach(this.state, domain, target);
  }
  /** Leaf entries written, by page size. */
  map(domain: Domain, request: MapRequest): PageCount[] {
    return wholly(map(this.state, domain, request));
  }
  /** Bytes the kernel says it unmapped; can be more than asked. */
  unmap(domain: Domain, request: { readonly iova: U64; readonly size: U64 }): U64 {
    return wholly(unmap(this.state, domain, request));
  }
  iovaToPhys(domain: Domain, iova: U64): U64 | null {
    return iovaToPhys(domain, iova);
  }

  /** The I/O address the driver of a device is given for memory. */
  dmaMap(device: KernelDevice, request: DmaMapRequest): U64 {
    return dmaMap(this.state, device, request);
  }
  /** The domain it was unmapped in; null where addresses are physical ones. */
  dmaUnmap(device: KernelDevice, address: U64): Domain | null {
    return dmaUnmap(this.state, device, address);
  }

  /** Whether a domain was given a PASID and has not given it back. */
  isPasidTaken(pasid: number): boolean {
    return this.state.pasids.isTaken(pasid);
  }

  reservedRegions(endpoint: Endpoint): ReservedRegion[] {
    return reservedRegions(endpoint);
  }
  /** Of all members, sorted by start, neighbours of one type merged: the sysfs file. */
  groupReservedRegions(group: IommuGroup): ReservedRegion[] {
    return groupReservedRegions(group);
  }

  /** Bytes of memory for tables and queues. */
  get tableMemory(): number {
    return tableMemoryOf(this.state).bytes;
  }
  /** Those of them in use. */
  get tableMemoryUsed(): number {
    return tableMemoryOf(this.state).used;
  }

  /**
   * Puts one raw descriptor into the next slot of a unit's queue and moves the tail past it, with no wait
   * behind it and no look at what came of it: an error stands until software clears it. The ring takes
   * note, so that its tail and the unit's stay one.
   */
  submitDescriptor(unit: IntelUnit, words: readonly U64[]): void {
    unit.ring?.submitRaw(unit, words);
  }
}
