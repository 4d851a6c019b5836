import { formatPciAddress, pciAddressOf } from '../bits/pci-address.js';
import type { ImportWarning, MachineDescription, PciFunctionDescription } from '../firmware/description.js';
import type { HardwareEvent } from '../hardware/events.js';
import { Machine } from '../hardware/machine.js';
import type { RemappingUnit } from '../hardware/unit.js';
import type { KernelConfig } from '../kernel/config.js';
import { KernelError } from '../kernel/errno.js';
import { Kernel } from '../kernel/kernel.js';
import type { KernelDevice } from '../kernel/device/kernel-device.js';
import type { DeviceInput } from '../kernel/state.js';
import { type Steps, isSteps, wholly } from '../kernel/steps.js';
import type { EndpointRef, LoggedCommand } from './command.js';
import { InvalidInputError, NotFoundError } from './errors.js';
import { EventJournal } from './event-journal.js';
import type { RequestKey } from './idempotency.js';
import { PendingEvents } from './pending-events.js';
import { subdeviceDriverOf } from './subdevice-drivers.js';
import { prepare, type VerbResults } from './verbs/index.js';

export type PlatformOrigin = 'TEMPLATE' | 'IMPORTED' | 'FORKED';

/** All a platform is made from, before its first command. Stored at the head of its log. */
export interface PlatformHeader {
  readonly name: string;
  readonly origin: PlatformOrigin;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly description: MachineDescription;
  readonly kernel: KernelConfig;
  /** What the import could not read or had to assume; empty for templates. */
  readonly warnings: readonly ImportWarning[];
  /** The client's own name for the request that made it, where it gave one. */
  readonly request?: RequestKey;
  /** Forks only. */
  readonly fork?: ForkOrigin;
}

/** What a fork began with. Its log holds the commands up to `revision` as its own. */
export interface ForkOrigin {
  /** Name of the platform it was forked from. */
  readonly platform: string;
  /** The last command both have in common. */
  readonly revision: number;
  /** When the first of its ancestors was booted: the time its kernel saw. */
  readonly bootedAt: number;
}

/** What a command did. */
export interface Applied<T extends keyof VerbResults = keyof VerbResults> {
  readonly platform: Platform;
  readonly revision: number;
  /** Sequence numbers of its events: `first` to `last`, none when `last` is below `first`. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly result:
    | { readonly ok: true; readonly value: VerbResults[T] }
    | { readonly ok: false; readonly error: KernelError | NotFoundError | InvalidInputError };
}

/** A subdevice that could not be made again, and why. */
export interface RefusedSubdevice {
  readonly uuid: string;
  readonly parent: string;
  readonly error: KernelError;
}

/** Events a platform keeps for reading, unless it is told otherwise. */
export const KEPT_EVENTS = 1_000_000;

/**
 * One machine with the kernel that runs it. Its whole state is a function of its header and the commands
 * applied since: `apply` waits for nothing, reads no clock and draws no random number.
 */
export class Platform {
  readonly machine: Machine;
  readonly kernel: Kernel;
  readonly events = new EventJournal(KEPT_EVENTS);
  /** What was said of each function when it came, by name: names of people's making. */
  private readonly described: Map<string, PciFunctionDescription>;
  /** Subdevices the described machine had and this kernel does not make. */
  refusedSubdevices: readonly RefusedSubdevice[] = [];
  /** Number of the last event of booting. */
  lastBootSequence = 0;
  private applied = 0;
  private closed = false;
  private readonly pending = new PendingEvents(this.events);

  /** @param boots whether the kernel is booted at once; who says no, sees to it that it is */
  constructor(
    readonly header: PlatformHeader,
    boots = true,
  ) {
    const { description } = header;
    const bootedAt = header.fork?.bootedAt ?? header.createdAt;
    this.pending.begin(0, bootedAt);
    this.described = new Map(description.functions.map((fn) => [formatPciAddress(fn.address), fn]));
    this.machine = Machine.fromDescription(description, this.pending);
    this.kernel = new Kernel({
      config: header.kernel,
      machine: this.machine,
      dmar: description.dmar,
      x2apic: description.x2apic,
      softwareParents: description.softwareParents,
      otherUnits: description.otherUnits?.map(({ vendor, devices }) => ({
        vendor,
        devices: devices.map(formatPciAddress),
      })),
      events: this.pending,
      devices: description.functions.map((described) => this.kernelInput(described)),
    });
    this.kernel.now = bootedAt;
    if (boots) wholly(this.boot());
  }

  /** A booted platform, made in steps. */
  static *inSteps(header: PlatformHeader): Steps<Platform> {
    const platform = new Platform(header, false);
    yield;
    yield* platform.boot();
    return platform;
  }

  /** Is told of each event the moment it happens, with the number it will have. For those who look on. */
  set onEvent(watcher: PendingEvents['watcher']) {
    this.pending.watcher = watcher;
  }

  get name(): string {
    return this.header.name;
  }

  get descriptions(): ReadonlyMap<string, PciFunctionDescription> {
    return this.described;
  }

  /** Number of commands applied so far. */
  get revision(): number {
    return this.applied;
  }

  /** Applies the next command of the log at once. Refusals are results; anything else thrown is a defect. */
  apply(logged: LoggedCommand): Applied {
    return wholly(this.applyInSteps(logged));
  }

  /** The same in steps. Between two of them the platform is as nobody is to see it; its revision is the one before. */
  *applyInSteps({ command, time }: LoggedCommand): Steps<Applied> {
    const firstSequence = this.events.last + 1;
    this.pending.begin(this.applied + 1, time);
    let result: Applied['result'];
    try {
      this.kernel.now = time;
      const work = prepare(this, command)();
      result = { ok: true, value: isSteps(work) ? yield* work : work };
    } catch (error) {
      if (!(
        error instanceof KernelError ||
        error instanceof NotFoundError ||
        error instanceof InvalidInputError
      )) {
        throw error;
      }
      result = { ok: false, error };
    } finally {
      this.applied++;
      this.publish('endpoint' in command ? command.endpoint : null);
    }
    return { platform: this, revision: this.applied, firstSequence, lastSequence: this.events.last, result };
  }

  private *boot(): Steps<void> {
    yield* this.kernel.inSteps.boot();
    this.refusedSubdevices = this.makeSubdevices();
    this.pending.push({ type: 'TOPOLOGY', change: 'PLATFORM_BOOTED', subject: null });
    this.publish(null);
    this.lastBootSequence = this.events.last;
  }

  /** What the machine had when it was read. A kernel other than its own can refuse it. */
  private makeSubdevices(): RefusedSubdevice[] {
    const refused: RefusedSubdevice[] = [];
    for (const { uuid, parent: address, type } of this.header.description.subdevices ?? []) {
      const parent = formatPciAddress(address);
      try {
        this.kernel.createMdev(this.kernel.devices.get(parent)!, type, uuid);
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        refused.push({ uuid, parent, error });
      }
    }
    return refused;
  }

  /** A listing does not say which subdevices a driver offers; drivers whose types are known offer them. */
  private kernelInput({ address, driver, mdevTypes, parentBus }: PciFunctionDescription): DeviceInput {
    const fn = this.machine.topology.functions.get(formatPciAddress(address))!;
    const known = mdevTypes.length === 0 ? subdeviceDriverOf(fn) : null;
    return known === null
      ? { fn, driver, mdevTypes, parentBus }
      : { fn, driver, mdevTypes: known.types, mdevDriver: known.driver };
  }

  /** Puts a card into its slot, where the kernel finds it. Linux: pciehp_configure_device(). */
  plug(card: readonly PciFunctionDescription[]): KernelDevice[] {
    const functions = this.machine.plug(card);
    for (const each of card) {
      this.described.set(formatPciAddress(each.address), each);
      this.kernel.learn(this.kernelInput(each));
    }
    return this.kernel.rescan(functions);
  }

  /** Takes a function out of its slot, with what is behind it; gives the names the kernel had of them. */
  unplug(device: KernelDevice): string[] {
    const { topology } = this.machine;
    const gone = [...topology.functions.values()].filter(
      (fn) => fn === device.fn || fn.physicalFunction === device.fn || topology.isBehind(device.fn, fn),
    );
    const names = this.kernel.removeDevice(device);
    this.machine.unplug(gone);
    for (const fn of gone) this.described.delete(fn.name);
    return names;
  }

  /** The silicon behind a unit the kernel drives. */
  hardwareUnit(name: string): RemappingUnit {
    const unit = this.machine.units.find((candidate) => candidate.name === name);
    if (unit === undefined) throw new Error(`platform ${this.name} has no unit ${name}`);
    return unit;
  }

  /** Whether the platform was deleted or its server is stopping; streams that follow it end. */
  get isClosed(): boolean {
    return this.closed;
  }

  /** Ends every stream that follows this platform. */
  close(): void {
    this.closed = true;
    this.events.ring();
  }

  /** @param sender whose request the command put on the bus, when it did */
  private publish(sender: EndpointRef | null): void {
    this.events.publish((event) => sender ?? this.endpointOf(event));
  }

  /** The device or subdevice behind a request, as far as its source id and PASID tell. */
  private endpointOf(event: HardwareEvent): EndpointRef | null {
    if (!('sourceId' in event) || event.sourceId === null) return null;
    const unit = this.machine.units.find((candidate) => candidate.name === event.unit);
    if (unit === undefined) return null;
    const device = this.deviceBehind(unit.segment, event.sourceId);
    const pasid = 'pasid' in event ? event.pasid : null;
    if (device === null || pasid === null) return device;
    for (const subdevice of this.kernel.subdevices.values()) {
      if (subdevice.parent.name === device.name && subdevice.pasid === pasid) {
        return { kind: 'Subdevice', name: subdevice.uuid };
      }
    }
    return device;
  }

  private deviceBehind(segment: number, sourceId: number): EndpointRef | null {
    const name = formatPciAddress(pciAddressOf(segment, sourceId));
    return this.kernel.devices.has(name) ? { kind: 'Device', name } : null;
  }
}
