import type { U64 } from '../bits/u64.js';
import { type UnitCapabilities, decodeCapabilities } from '../layout/capability.js';
import type { PageGroupResponse } from '../layout/invalidation/index.js';
import {
  GLOBAL,
  INVALIDATION_WAIT_COMPLETE,
  PAGE_REQUEST_STATUS,
  REGISTER,
  TRANSLATION_TABLE_MODE,
  registerMap,
  registerSetBytes,
} from '../layout/registers.js';
import type { HostMemory } from '../memory/host-memory.js';
import type { DeviceTlb } from './caches/device-tlb.js';
import { InterruptEntryCache } from './caches/interrupt-entry-cache.js';
import { TranslationCaches } from './caches/translation-caches.js';
import { EventMessage, type UnitMessage } from './event-message.js';
import type { EventSink, HardwareEvent } from './events.js';
import { type DmaFault, FaultRecorder } from './faults.js';
import type { InterruptHost, InterruptTable } from './interrupts.js';
import type { QueueHost } from './invalidation-queue.js';
import type { Invalidated } from './invalidate/index.js';
import { RegisterFile } from './register-file.js';
import type { PageRequest, PageRequestHost } from './page-requests.js';
import type { RegisterInvalidationHost } from './register-invalidation.js';
import type { RootTable, TranslationContext } from './translate/context.js';
import { type PageAdmission, type UnitTranslation, translationOf } from './translate/translate.js';

/** What a unit reaches of the machine around it, besides memory. */
export interface UnitBus {
  /** Puts a message of the unit itself on the bus. Such messages are never remapped. */
  sendMessage(address: U64, data: number): void;
  /** The translation cache of a device; null when none answers to this source id. */
  deviceTlb(sourceId: number): DeviceTlb | null;
  /** All such caches by source id, for display. */
  deviceTlbs(): Iterable<readonly [sourceId: number, tlb: DeviceTlb]>;
}

/** What a unit is made of. */
export interface UnitOptions {
  /** dmar0, dmar1, ... */
  readonly name: string;
  readonly segment: number;
  readonly memory: HostMemory;
  /** VER, CAP and ECAP: they decide everything else. */
  readonly version: number;
  readonly capability: U64;
  readonly extendedCapability: U64;
  readonly registerBase: U64;
  /** Bits of host physical address on this platform. */
  readonly hostAddressWidth: number;
  readonly events: EventSink<HardwareEvent>;
  readonly bus: UnitBus;
  /** Drop a fault while a record of the same source waits, as the specification allows. */
  readonly collapseFaults?: boolean;
}

/**
 * The state of one unit, shared by the parts that act on it: registers, what was latched from them, caches,
 * fault records, and the unit's own messages.
 *
 * Messages wait until the operation that caused them is over: an interrupt handler may then use the unit
 * without meeting it half-way.
 */
export class UnitCore
  implements TranslationContext, QueueHost, RegisterInvalidationHost, InterruptHost, PageRequestHost
{
  readonly name: string;
  readonly memory: HostMemory;
  readonly hostAddressWidth: number;
  readonly capabilities: UnitCapabilities;
  readonly registers: RegisterFile;
  readonly caches: TranslationCaches;
  readonly interruptEntries = new InterruptEntryCache();
  readonly faults: FaultRecorder;
  readonly translation: UnitTranslation;
  readonly invalidationEvent: EventMessage;
  readonly pageRequestEvent: EventMessage;
  rootTable: RootTable = { address: 0, ttm: 0, ssirwe: false };
  interruptTable: InterruptTable = { base: 0, entries: 0, extended: false };
  /** TES, kept apart from its register because every request asks. */
  translationEnabled = false;
  /** Takes the answers to page requests; whoever models the devices sets it. */
  onPageResponse: ((response: PageGroupResponse) => void) | null = null;
  private readonly events: EventSink<HardwareEvent>;
  private readonly bus: UnitBus;
  private readonly waiting: UnitMessage[] = [];
  private isDelivering = false;

  constructor(options: UnitOptions) {
    const { version, capability, extendedCapability } = options;
    this.name = options.name;
    this.memory = options.memory;
    this.hostAddressWidth = options.hostAddressWidth;
    this.events = options.events;
    this.bus = options.bus;
    this.capabilities = decodeCapabilities(version, capability, extendedCapability);
    this.registers = new RegisterFile(registerMap(this.capabilities), registerSetBytes(this.capabilities));
    this.registers.store(REGISTER.VER, version);
    this.registers.store64(REGISTER.CAP, capability);
    this.registers.store64(REGISTER.ECAP, extendedCapability);
    this.caches = new TranslationCaches();
    const event = (control: number) => new EventMessage(this.registers, control, this.waiting);
    this.invalidationEvent = event(REGISTER.IECTL);
    this.pageRequestEvent = event(REGISTER.PECTL);
    this.faults = new FaultRecorder(
      this.name,
      this.capabilities,
      this.registers,
      event(REGISTER.FECTL),
      this.events,
      options.collapseFaults ?? false,
    );
    this.translation = translationOf(this);
  }

  get translationTableMode(): number {
    return this.rootTable.ttm;
  }

  get isScalable(): boolean {
    return this.rootTable.ttm === TRANSLATION_TABLE_MODE.SCALABLE;
  }

  get isQueueEnabled(): boolean {
    return (this.registers.load(REGISTER.GSTS) & GLOBAL.QIE) !== 0;
  }

  get isInterruptRemappingEnabled(): boolean {
    return (this.registers.load(REGISTER.GSTS) & GLOBAL.IRE) !== 0;
  }

  get passesCompatibilityFormat(): boolean {
    return (this.registers.load(REGISTER.GSTS) & GLOBAL.CFI) !== 0;
  }

  emit(event: HardwareEvent): void {
    this.events.push(event);
  }

  deviceTlb(sourceId: number): DeviceTlb | null {
    return this.bus.deviceTlb(sourceId);
  }

  deviceTlbs(): Iterable<readonly [sourceId: number, tlb: DeviceTlb]> {
    return this.bus.deviceTlbs();
  }

  admitPageRequest(request: PageRequest): PageAdmission {
    return this.translation.admitPageRequest(request);
  }

  recordFault(fault: DmaFault): boolean {
    return this.faults.recordDma(fault);
  }

  interruptFault(sourceId: number, index: number, reason: number, suppressed: boolean): boolean {
    return this.faults.recordInterrupt({ sourceId, index, reason, suppressed });
  }

  faultStatus(): number {
    return this.registers.load(REGISTER.FSTS);
  }

  raiseFaultStatus(bit: number): void {
    this.faults.raise(bit);
  }

  /** Spec: VT-d 6.5.2.8 "Invalidation Wait Descriptor": a second completion before software looked is silent. */
  waitCompleted(): void {
    if ((this.registers.load(REGISTER.ICS) & INVALIDATION_WAIT_COMPLETE) !== 0) return;
    this.registers.setBits(REGISTER.ICS, INVALIDATION_WAIT_COMPLETE);
    this.invalidationEvent.raise();
  }

  /** Spec: VT-d 7.6 "Page Request Event": none while software has not serviced the one before. */
  pageRequestCondition(bit: number): void {
    const before = this.registers.load(REGISTER.PRS);
    this.registers.setBits(REGISTER.PRS, bit);
    if ((before & (PAGE_REQUEST_STATUS.PPR | PAGE_REQUEST_STATUS.PRO)) === 0) this.pageRequestEvent.raise();
  }

  respondToPageRequest(response: PageGroupResponse): void {
    this.onPageResponse?.(response);
  }

  report(what: Invalidated, words: readonly U64[], error: string | null): void {
    const { descriptor, granularity, domainIdTag, pasid, sourceId, address, size, dropped } = what;
    this.emit({
      type: 'INVALIDATION',
      unit: this.name,
      descriptor,
      granularity,
      domainIdTag,
      pasid,
      sourceId,
      address,
      size,
      words,
      dropped,
      error,
    });
  }

  /** Ends an operation: what it had to say goes out, and what the answer to that causes. */
  deliverMessages(): void {
    if (this.isDelivering) return;
    this.isDelivering = true;
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      this.putOnBus(next.address, next.data);
    }
    this.isDelivering = false;
  }

  private putOnBus(address: U64, data: number): void {
    this.emit({
      type: 'INTERRUPT',
      unit: this.name,
      sourceId: null,
      address,
      data,
      index: null,
      vector: data & 0xff,
      destination: ((address.lo >>> 12) & 0xff) | (address.hi & 0xffffff00),
    });
    this.bus.sendMessage(address, data);
  }
}
