import { parsePciAddress } from '../../../src/bits/pci-address.js';
import { type U64, parseHex, toHex } from '../../../src/bits/u64.js';
import { ConfigSpaceBuilder } from '../../../src/firmware/pci-config/builder.js';
import type { DescriptorExecuted, FaultOccurred, HardwareEvent } from '../../../src/hardware/events.js';
import { Machine } from '../../../src/hardware/machine.js';
import type { PciFunctionSource } from '../../../src/hardware/pci/function.js';
import type { KernelConfig } from '../../../src/kernel/config.js';
import { type Errno, KernelError } from '../../../src/kernel/errno.js';
import type { KernelEvent } from '../../../src/kernel/events.js';
import { Kernel } from '../../../src/kernel/kernel.js';
import type { KernelState } from '../../../src/kernel/state.js';
import { MTTY_TYPES } from '../../../src/platform/subdevice-drivers.js';
import type { IommuGroup } from '../../../src/kernel/iommu/iommu-group.js';
import type { KernelDevice } from '../../../src/kernel/device/kernel-device.js';
import type { MdevTypeInput } from '../../../src/kernel/mdev/mdev-type.js';
import type { SoftwareSubdevice, Subdevice } from '../../../src/kernel/mdev/subdevice.js';
import { packCapability, packExtendedCapability } from '../../../src/layout/capability.js';
import type { DeviceScope, DmarTable, RemappingStructure } from '../../../src/layout/dmar/table.js';

type CapFields = Parameters<typeof packCapability>[0];
type EcapFields = Parameters<typeof packExtendedCapability>[0];

/** A parent, unless said otherwise like the one of the default host. */
export interface ParentPlan {
  readonly at?: string;
  /** Intel's integrated endpoints count as isolated by a quirk, others do not. */
  readonly vendorId?: number;
  readonly pasidWidth?: number | null;
  readonly siov?: boolean;
  readonly ats?: boolean;
  /** USABLE: with requests that a driver may switch on and that are answered by PASID. */
  readonly pri?: boolean | 'USABLE';
  readonly driver?: string | null;
  readonly classCode?: number;
  readonly capacity?: number;
  readonly multifunction?: boolean;
  /** Entries of its MSI-X table; without, it has none. */
  readonly msix?: number;
  /** Vectors of its MSI capability; without, it has none. */
  readonly msi?: number;
}

/** A unit, unless said otherwise like the one of the default host; it takes all devices not named elsewhere. */
export interface UnitPlan {
  readonly cap?: CapFields;
  readonly ecap?: EcapFields;
  /** Devices it names; without, it is the unit that takes all the rest. */
  readonly devices?: readonly string[];
}

export interface HostPlan {
  readonly config?: Partial<KernelConfig>;
  readonly cap?: CapFields;
  readonly ecap?: EcapFields;
  readonly units?: readonly UnitPlan[];
  readonly parents?: readonly ParentPlan[];
  /** Reserved memory of the first parent, or of another. */
  readonly rmrr?: { readonly base: string; readonly last: string; readonly at?: string };
  readonly withoutTable?: boolean;
  /** Parents behind a unit of the other vendor, by address. */
  readonly amd?: readonly string[];
  /** Adds the sample driver mtty. */
  readonly mtty?: boolean;
}

export const U1 = '11111111-1111-4111-8111-111111111111';
export const U2 = '22222222-2222-4222-8222-222222222222';
export const U3 = '33333333-3333-4333-8333-333333333333';
export const PARENT = '0000:6a:01.0';

/** CAP of the default host: 256 domain ids, 48 bits, PSI with MAMV 9, both large pages, 8 fault records. */
export const CAP: CapFields = {
  ND: 2,
  SAGAW: 4,
  MGAW: 47,
  FRO: 0x22,
  SSLPS: 3,
  PSI: 1,
  NFR: 7,
  MAMV: 9,
  DWD: 1,
  DRD: 1,
};
/** ECAP of the default host. */
export const ECAP: EcapFields = {
  C: 1,
  QI: 1,
  DT: 1,
  IR: 1,
  EIM: 1,
  PT: 1,
  SC: 1,
  IRO: 0x0f,
  MHMV: 15,
  SRS: 1,
  PSS: 0x13,
  PASID: 1,
  SMTS: 1,
  SSTS: 1,
  RPS: 1,
};

/** What a host is booted with when its plan does not say. */
export const defaults: { profile: KernelConfig['profile'] } = { profile: 'V5_10' };

/** A booted host: machine, kernel, and everything both said. */
export class Host {
  readonly machine: Machine;
  readonly kernel: Kernel;
  readonly dmar: DmarTable | null;
  readonly hardware: HardwareEvent[] = [];
  readonly events: KernelEvent[] = [];

  constructor(plan: HostPlan = {}) {
    const parents = plan.parents ?? [{}];
    const units = plan.units ?? [{}];
    const structures: RemappingStructure[] = units.map((unit, index) => ({
      kind: 'DRHD',
      type: 0,
      offset: 48 + 16 * index,
      length: 16,
      includeAll: unit.devices === undefined,
      segment: 0,
      registerBase: registerBase(index),
      size: 0,
      scopes: (unit.devices ?? []).map(scopeOf),
    }));
    if (plan.rmrr !== undefined) {
      structures.push({
        kind: 'RMRR',
        type: 1,
        offset: 100,
        length: 24,
        segment: 0,
        base: address(plan.rmrr.base),
        last: address(plan.rmrr.last),
        scopes: [scopeOf(plan.rmrr.at ?? PARENT)],
      });
    }
    const dmar: DmarTable = {
      hostAddressWidth: 46,
      interruptRemapping: true,
      x2apicOptOut: false,
      dmaControlOptIn: false,
      checksumValid: true,
      oemId: 'TEST',
      oemTableId: 'TEST',
      structures,
    };
    this.dmar = plan.withoutTable ? null : dmar;
    this.machine = new Machine({
      dmar: this.dmar,
      functions: parents.map(functionOf),
      units: units.map((unit, index) => ({
        registerBase: registerBase(index),
        version: 0x50,
        capability: packCapability({ ...CAP, ...plan.cap, ...unit.cap }),
        extendedCapability: packExtendedCapability({ ...ECAP, ...plan.ecap, ...unit.ecap }),
      })),
      events: this.hardware,
    });
    this.kernel = new Kernel({
      config: {
        profile: defaults.profile,
        commandLine: 'intel_iommu=on,sm_on',
        options: {},
        subdeviceModel: 'MDEV_BUS_OPS',
        parentLookup: 'MDEV_BUS_ONLY',
        auxRequirement: 'FALL_BACK_TO_PRIMARY',
        busOrganisation: 'ONE_OPS_PER_BUS',
        dmaEntryLimit: 65535,
        ...plan.config,
      },
      machine: this.machine,
      dmar: plan.withoutTable ? null : dmar,
      events: this.events,
      otherUnits: plan.amd === undefined ? [] : [{ vendor: 'amd', devices: plan.amd }],
      softwareParents: plan.mtty ? [{ name: 'mtty', driver: 'mtty', mdevTypes: MTTY_TYPES }] : [],
      devices: parents.map((parent) => ({
        fn: this.machine.topology.functions.get(parent.at ?? PARENT)!,
        driver: parent.driver === undefined ? 'idxd' : parent.driver,
        mdevTypes: [typeOf(parent.capacity ?? 8)],
        parentBus: plan.amd?.includes(parent.at ?? PARENT) ? 'platform' : 'pci',
      })),
    });
  }

  /** A booted one. */
  static boot(plan: HostPlan = {}): Host {
    const host = new Host(plan);
    host.kernel.boot();
    return host;
  }

  device(at = PARENT): KernelDevice {
    const device = this.kernel.devices.get(at);
    if (device === undefined) throw new Error(`no device ${at}`);
    return device;
  }

  group(at = PARENT): IommuGroup {
    return this.device(at).group!;
  }

  /** A subdevice of a parent. */
  mdev(uuid: string, at = PARENT): Subdevice {
    return this.kernel.createMdev(this.device(at), 'idxd-1dwq-v1', uuid);
  }

  /** A subdevice of mtty. */
  software(uuid: string, type = 'mtty-1'): SoftwareSubdevice {
    return this.kernel.createSoftwareMdev(this.kernel.softwareParents.get('mtty')!, type, uuid);
  }

  /** What the kernel keeps, for entry points no command reaches. */
  get state(): KernelState {
    return (this.kernel as unknown as { state: KernelState }).state;
  }

  get lines(): string[] {
    return this.kernel.log.lines.map((line) => line.text);
  }

  /** Descriptors executed while something runs, waits left out, as `type granularity did=.. pasid=..`. */
  invalidations(act: () => void): string[] {
    const before = this.hardware.length;
    act();
    return this.hardware
      .slice(before)
      .filter((event): event is DescriptorExecuted => event.type === 'INVALIDATION')
      .filter((event) => event.descriptor !== 'WAIT')
      .map(describe);
  }

  faults(act: () => void): FaultOccurred[] {
    const before = this.hardware.length;
    act();
    return this.hardware.slice(before).filter((event): event is FaultOccurred => event.type === 'FAULT');
  }

  /** Kernel lines printed while something runs. */
  linesOf(act: () => void): string[] {
    const before = this.lines.length;
    act();
    return this.lines.slice(before);
  }

  /** Where an access ends: the physical address of its first byte, or the fault reason. */
  dma(
    access: 'READ' | 'WRITE',
    iova: string,
    pasid: number | null = null,
    at = PARENT,
    addressType: 'UNTRANSLATED' | 'DEVICE_TLB' = 'UNTRANSLATED',
  ): { physical: string } | { reason: number } {
    const result = this.machine.dma({
      fn: this.device(at).fn,
      pasid,
      address: address(iova),
      size: 4,
      access,
      addressType,
    });
    if (result.blocked !== null) return { reason: result.blocked.reason };
    return { physical: `0x${(result.segments[0]?.physical ?? NaN).toString(16)}` };
  }
}

/** Maps with addresses and size in hexadecimal. */
export function mapping(iova: string, physical: string, size: string, access = 'rw') {
  return {
    iova: address(iova),
    physical: address(physical),
    size: address(size),
    read: access.includes('r'),
    write: access.includes('w'),
  };
}

export function range(iova: string, size: string) {
  return { iova: address(iova), size: address(size) };
}

export function address(hex: string): U64 {
  const value = parseHex(hex);
  if (value === null) throw new Error(`not hexadecimal: ${hex}`);
  return value;
}

export function hex(value: U64 | null): string | null {
  return value === null ? null : toHex(value);
}

/** The errno something is refused with; null when it succeeds. */
export function errnoOf(act: () => unknown): Errno | null {
  try {
    act();
    return null;
  } catch (error) {
    if (error instanceof KernelError) return error.errno;
    throw error;
  }
}

/** Blocker codes of a refusal. */
export function codesOf(act: () => unknown): string[] {
  try {
    act();
    return [];
  } catch (error) {
    if (error instanceof KernelError) return error.blockers.map((blocker) => blocker.code);
    throw error;
  }
}

function describe(event: DescriptorExecuted): string {
  const parts: string[] = [event.descriptor];
  if (event.granularity !== null) parts.push(event.granularity);
  if (event.domainIdTag !== null) parts.push(`did=${event.domainIdTag}`);
  if (event.pasid !== null) parts.push(`pasid=${event.pasid}`);
  if (event.sourceId !== null) parts.push(`sid=${event.sourceId.toString(16)}`);
  if (event.address !== null) parts.push(`addr=${toHex(event.address)}`);
  if (event.size !== null) parts.push(`size=${toHex(event.size)}`);
  if (event.error !== null) parts.push(`error=${event.error}`);
  return parts.join(' ');
}

function registerBase(index: number): U64 {
  return { hi: 0, lo: 0xfed90000 + 0x1000 * index };
}

function scopeOf(at: string): DeviceScope {
  const place = parsePciAddress(at)!;
  return {
    kind: 'PCI_ENDPOINT',
    type: 1,
    flags: 0,
    enumerationId: 0,
    startBus: place.bus,
    path: [{ device: place.device, function: place.function }],
  };
}

function typeOf(capacity: number): MdevTypeInput {
  return {
    group: '1dwq-v1',
    displayName: 'One dedicated work queue',
    description: null,
    deviceApi: 'vfio-pci',
    cost: 1,
    pool: 'wq',
    capacity,
  };
}

function functionOf(plan: ParentPlan): PciFunctionSource {
  const builder = new ConfigSpaceBuilder({
    vendorId: plan.vendorId ?? 0x8086,
    deviceId: 0x0b25,
    classCode: plan.classCode ?? 0x088000,
    multiFunction: plan.multifunction,
  }).express({ portType: 'ROOT_COMPLEX_ENDPOINT' });
  if (plan.msi !== undefined) builder.msi({ vectors: plan.msi, address64: true });
  if (plan.msix !== undefined) builder.msix({ vectors: plan.msix });
  if (plan.ats ?? true) builder.ats({ queueDepth: 1, pageAlignedRequest: true });
  const usable = plan.pri === 'USABLE' && { stopped: true, responsePasidRequired: true };
  if (plan.pri) builder.pri({ maxRequests: 512, ...usable });
  const width = plan.pasidWidth === undefined ? 20 : plan.pasidWidth;
  if (width !== null) builder.pasid({ maxWidth: width, privilegedSupported: true });
  if (plan.siov ?? true) builder.siov({});
  return { address: parsePciAddress(plan.at ?? PARENT)!, config: builder.build(), physicalFunction: null };
}
