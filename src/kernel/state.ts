import type { DmarTable } from '../layout/dmar/table.js';
import type { PciFunction } from '../hardware/pci/function.js';
import { FrameAllocator } from '../memory/frame-allocator.js';
import type { HostMemory } from '../memory/host-memory.js';
import type { KernelConfig } from './config.js';
import type { KernelSubject } from './errno.js';
import type { EventSink, KernelEvent, TopologyChange } from './events.js';
import { PasidAllocator } from './intel/pasid-allocator.js';
import { type InterruptRemapping, NO_INTERRUPT_REMAPPING } from './intel/interrupt-remapping.js';
import type { IntelUnit } from './intel/unit.js';
import type { ProcessMemory } from './sva/process-memory.js';
import { ProcessorVectors } from './interrupt/processor-vectors.js';
import { KernelLog } from './log/kernel-log.js';
import { RateLimit } from './log/rate-limit.js';
import type { MachinePort } from './machine-port.js';
import type { Bus } from './iommu/bus.js';
import type { Domain } from './iommu/domain.js';
import type { IommuGroup } from './iommu/iommu-group.js';
import { KernelDevice } from './device/kernel-device.js';
import type { AnySubdevice, SoftwareSubdevice, Subdevice } from './mdev/subdevice.js';
import type { MdevParent, ParentBus } from './mdev/mdev-parent.js';
import type { MdevTypeInput } from './mdev/mdev-type.js';
import { SoftwareParent } from './mdev/software-parent.js';
import { type BootParameters, parseCommandLine } from './profile/command-line.js';
import { KernelOptions } from './profile/options.js';
import { type OrganisationRules, busesFor, organisationOf } from './profile/organisation.js';
import { type KernelProfile, profileOf } from './profile/profile.js';
import { type SubdeviceModelRules, subdeviceModelOf } from './profile/subdevice-model.js';
import { requireSupported } from './profile/supported.js';
import { VfioState } from './vfio/state.js';

/** A PCI function with what its driver adds. */
export interface DeviceInput {
  readonly fn: PciFunction;
  readonly driver: string | null;
  readonly mdevTypes: readonly MdevTypeInput[];
  /** The driver that offers those types; the one bound at boot when left out. */
  readonly mdevDriver?: string | null;
  /** Bus of the device its driver registers as a parent; `pci` when left out. */
  readonly parentBus?: ParentBus;
}

/** A unit of another vendor than Intel. Nothing is known of it but what it serves. */
export interface OtherUnitInput {
  readonly vendor: 'amd';
  /** Names of functions. */
  readonly devices: readonly string[];
}

/** A driver that makes subdevices without hardware. */
export interface SoftwareParentInput {
  readonly name: string;
  readonly driver: string;
  readonly mdevTypes: readonly MdevTypeInput[];
}

/** Everything the kernel keeps. Verbs are functions over it. */
export class KernelState {
  readonly config: KernelConfig;
  readonly profile: KernelProfile;
  readonly options: KernelOptions;
  readonly parameters: BootParameters;
  readonly machine: MachinePort;
  readonly dmar: DmarTable | null;
  readonly memory: HostMemory;
  /** Where tables and queues are put. */
  readonly frames: FrameAllocator;
  readonly log: KernelLog;
  now = 0;
  /** What this command has to tell of single chunks and entries of mappings. */
  told = 0;
  booted = false;
  /** DMA remapping runs. Linux: !dmar_disabled after init. */
  remapping = false;

  /** Physical buses, then those of subdevices. */
  readonly buses: ReadonlyMap<string, Bus>;
  readonly model: SubdeviceModelRules;
  readonly organisation: OrganisationRules;
  readonly devices = new Map<string, KernelDevice>();
  readonly subdevices = new Map<string, Subdevice>();
  readonly softwareParents = new Map<string, SoftwareParent>();
  readonly softwareSubdevices = new Map<string, SoftwareSubdevice>();
  /** Devices whose drivers make subdevices of them now. */
  readonly registeredParents = new Map<MdevParent, 'REGISTERED' | 'LEAVING'>();
  /** Subdevices whose removal runs. */
  readonly leavingSubdevices = new Set<AnySubdevice>();
  /** Vendors of units other than Intel's, in the order their drivers come up: before Intel's. */
  readonly otherVendors: readonly OtherUnitInput['vendor'][];
  readonly groups = new Map<number, IommuGroup>();
  readonly domains = new Map<number, Domain>();
  readonly units: IntelUnit[] = [];
  readonly pasids = new PasidAllocator();
  /** One for all units and both kinds of line. Linux: dmar_fault(). */
  readonly faultLimit = new RateLimit(5000, 10, 'dmar_fault');
  /** One for each line a write to the type of a group can print, by their functions' names. */
  readonly typeWriteLimits = {
    severalDevices: new RateLimit(5000, 10, 'iommu_group_store_type'),
    stillBound: new RateLimit(5000, 10, 'iommu_group_store_type'),
    otherDomain: new RateLimit(5000, 10, 'iommu_change_dev_def_domain'),
  };
  /** The one identity domain all groups share. Linux: si_domain. */
  identityDomain: Domain | null = null;
  /** The processors have 32-bit ids, as all of the last decade do. */
  readonly x2apic: boolean;
  interruptRemapping: InterruptRemapping = NO_INTERRUPT_REMAPPING;
  readonly vectors = new ProcessorVectors();
  /** Whose address spaces devices share, by their users' numbers. */
  readonly processes = new Map<number, ProcessMemory>();
  /** Every unit passes DMA through by itself. Linux: hw_pass_through. */
  hardwarePassThrough = true;
  /** What drivers unmap is flushed later, in one go. Linux: !intel_iommu_strict, later !iommu_dma_strict. */
  lazy: boolean;
  /** Domains whose flush queues wait for their timer. */
  readonly flushTimers = new Set<Domain>();
  readonly vfio: VfioState;
  /** Drivers bound when the machine came up, applied at the end of boot. */
  readonly initialDrivers = new Map<KernelDevice, string>();
  /** What is known of functions beyond their configuration spaces, by name. */
  private readonly known = new Map<string, DeviceInput>();
  private readonly otherUnits: readonly OtherUnitInput[];
  private readonly events: EventSink<KernelEvent>;
  private lastDomain = 0;

  constructor(input: {
    readonly config: KernelConfig;
    readonly machine: MachinePort;
    readonly dmar: DmarTable | null;
    readonly events: EventSink<KernelEvent>;
    readonly devices: readonly DeviceInput[];
    readonly x2apic?: boolean;
    readonly softwareParents?: readonly SoftwareParentInput[];
    readonly otherUnits?: readonly OtherUnitInput[];
  }) {
    this.config = input.config;
    this.profile = profileOf(input.config.profile);
    this.model = subdeviceModelOf(input.config.subdeviceModel);
    this.organisation = organisationOf(input.config.busOrganisation);
    requireSupported(input.config, this.profile);
    this.options = new KernelOptions(input.config, this.profile);
    this.parameters = parseCommandLine(input.config.commandLine, this.options, this.profile);
    this.lazy = !this.parameters.strict;
    this.machine = input.machine;
    this.dmar = input.dmar;
    this.x2apic = input.x2apic ?? true;
    this.memory = input.machine.memory;
    this.frames = tableMemory(this.memory, input.config.tableMemory);
    this.vfio = new VfioState(this.memory, input.config);
    this.events = input.events;
    this.log = new KernelLog(input.events);
    const { softwareParents = [], otherUnits = [] } = input;
    this.otherVendors = [...new Set(otherUnits.map(({ vendor }) => vendor))];
    const parentBuses: ParentBus[] = ['pci'];
    if (otherUnits.length > 0) parentBuses.push('platform');
    if (softwareParents.length > 0) parentBuses.push('virtual');
    this.buses = busesFor(this.organisation, parentBuses, this.options.testFramework);
    this.otherUnits = otherUnits;
    for (const { name, driver, mdevTypes } of softwareParents)
      this.softwareParents.set(name, new SoftwareParent(name, driver, mdevTypes));
    for (const each of input.devices) {
      this.learn(each);
      const device = this.addDevice(each.fn);
      if (each.driver !== null) this.initialDrivers.set(device, each.driver);
    }
  }

  /** Takes note of what is known of a function, before it is added. */
  learn(input: DeviceInput): void {
    this.known.set(input.fn.name, input);
  }

  /** Takes a function into the books. */
  addDevice(fn: PciFunction): KernelDevice {
    const known = this.known.get(fn.name);
    const vendor = this.otherUnits.find(({ devices }) => devices.includes(fn.name))?.vendor ?? 'intel';
    const device = new KernelDevice(
      fn,
      this.buses.get('pci')!,
      known?.mdevTypes ?? [],
      known?.mdevDriver ?? known?.driver ?? null,
      vendor,
      known?.parentBus,
    );
    this.devices.set(device.name, device);
    return device;
  }

  /** The driver a function is known to have had; null when none is. */
  knownDriver(device: KernelDevice): string | null {
    return this.known.get(device.name)?.driver ?? null;
  }

  /** Units that take part in DMA remapping. Linux: for_each_active_iommu(). */
  get activeUnits(): IntelUnit[] {
    return this.units.filter((unit) => !unit.ignored);
  }

  /** Linux: scalable_mode_support(); true also of no units at all, so ask only while remapping runs. */
  get scalableMode(): boolean {
    return this.remapping && this.activeUnits.every((unit) => unit.scalableMode);
  }

  get scalableModeReason(): string {
    const { parameters } = this;
    if (this.dmar === null) return 'There is no DMAR table, so there are no remapping units.';
    if (!parameters.remapping || parameters.noIommu) return 'DMA remapping is off on the command line.';
    if (!this.remapping) return 'DMA remapping could not be set up.';
    if (!parameters.scalableMode) {
      return parameters.scalableModeWord === null
        ? 'Not asked for: neither sm_on nor CONFIG_INTEL_IOMMU_SCALABLE_MODE_DEFAULT_ON.'
        : `Switched off by ${parameters.scalableModeWord}.`;
    }
    const without = this.activeUnits.filter((unit) => !unit.capabilities.SMTS).map((unit) => unit.name);
    if (without.length > 0) return `Not supported by ${without.join(', ')} (ECAP.SMTS is 0).`;
    return parameters.scalableModeWord === null
      ? 'On by CONFIG_INTEL_IOMMU_SCALABLE_MODE_DEFAULT_ON, and every unit supports it.'
      : `Asked for by ${parameters.scalableModeWord}, and every unit supports it.`;
  }

  /** Registers a new domain under the next number. */
  addDomain(make: (number: number) => Domain): Domain {
    const domain = make(this.lastDomain + 1);
    this.lastDomain++;
    this.domains.set(domain.number, domain);
    this.changed('DOMAIN_ALLOCATED', domain.subject);
    return domain;
  }

  /** Subdevices of all parents, those of functions first. */
  get allSubdevices(): AnySubdevice[] {
    return [...this.subdevices.values(), ...this.softwareSubdevices.values()];
  }

  deviceOf(fn: PciFunction): KernelDevice | null {
    return this.devices.get(fn.name) ?? null;
  }

  emit(event: KernelEvent): void {
    this.events.push(event);
  }

  changed(change: TopologyChange, subject: KernelSubject | null): void {
    this.emit({ type: 'TOPOLOGY', change, subject });
  }
}

/** Tables live in the top quarter of memory, and below 256 GiB, out of the way of what users map. */
function tableMemory(memory: HostMemory, bytes = Infinity): FrameAllocator {
  const endFrame = Math.floor(Math.min(memory.limit, 2 ** 38) / 4096);
  const quarter = Math.floor(endFrame / 4);
  const first = endFrame - quarter;
  memory.useSlab(first);
  return new FrameAllocator(first, Math.min(quarter, Math.floor(bytes / 4096)));
}
