import { type U64, ALL_ONES, u64, u64FromNumber } from '../bits/u64.js';
import type { UnitCapabilities } from '../layout/capability.js';
import type { PageGroupResponse } from '../layout/invalidation/index.js';
import { FAULT_STATUS, REGISTER, type RegisterDefinition, faultRecordRegister } from '../layout/registers.js';
import type { HostMemory } from '../memory/host-memory.js';
import { type CacheEntryView, type UnitCacheKind, viewCacheEntries } from './cache-views.js';
import type { TranslationCaches } from './caches/translation-caches.js';
import { INTERRUPT_FAULT, type InterruptResult, remapInterrupt } from './interrupts.js';
import { InvalidationQueue } from './invalidation-queue.js';
import { type PageRequest, type PageRequestOutcome, acceptPageRequest } from './page-requests.js';
import { actOnWrite } from './register-actions.js';
import type { DmaRequest, TranslationResult, WalkTrace } from './request.js';
import { traceRequest } from './translate/trace.js';
import { UnitCore, type UnitOptions } from './unit-core.js';

/** A register and what it holds. */
export interface RegisterValue {
  readonly name: string;
  readonly offset: number;
  readonly bytes: 4 | 8;
  readonly value: U64;
  /** Its fields. */
  readonly table: RegisterDefinition['fields'];
}

/** The invalidation queue as it stands; positions count descriptors. */
export interface QueueState {
  readonly base: U64;
  readonly size: number;
  readonly head: number;
  readonly tail: number;
  readonly descriptorBytes: 16 | 32;
  /** GSTS.QIES. */
  readonly isEnabled: boolean;
}

/**
 * One DMA remapping unit: registers in, effects out. The driver sees `readRegister` and `writeRegister`;
 * devices see `translate`, `pageRequest` and `interruptRequest`; people may look at everything else.
 */
export class RemappingUnit {
  readonly name: string;
  readonly segment: number;
  readonly registerBase: U64;
  readonly memory: HostMemory;
  readonly capabilities: UnitCapabilities;
  private readonly core: UnitCore;
  private readonly queue: InvalidationQueue;

  constructor(options: UnitOptions) {
    this.name = options.name;
    this.segment = options.segment;
    this.registerBase = options.registerBase;
    this.memory = options.memory;
    this.core = new UnitCore(options);
    this.capabilities = this.core.capabilities;
    this.queue = new InvalidationQueue(this.core);
  }

  /** Reads 32 or 64 bits; nothing answers an access that is not aligned or lies beyond the register set. */
  readRegister(offset: number, bytes: 4 | 8): U64 {
    const { registers } = this.core;
    if (!this.isAccessible(offset, bytes)) return bytes === 4 ? u64(0, 0xffffffff) : ALL_ONES;
    return u64(bytes === 8 ? registers.read(offset + 4) : 0, registers.read(offset));
  }

  /**
   * Writes 32 or 64 bits. Both halves of a 64-bit write are stored before either acts, so that a command
   * in the high half finds its operands in the low one.
   */
  writeRegister(offset: number, bytes: 4 | 8, value: U64): void {
    if (!this.isAccessible(offset, bytes)) return;
    this.core.registers.write(offset, value.lo);
    if (bytes === 8) this.core.registers.write(offset + 4, value.hi);
    actOnWrite(this.core, this.queue, offset);
    if (bytes === 8) actOnWrite(this.core, this.queue, offset + 4);
    this.core.deliverMessages();
  }

  /** Every register the unit has, by offset, with its value as software would read it. */
  registers(): RegisterValue[] {
    return this.core.registers.map.map(({ name, offset, bytes, fields }) => ({
      name,
      offset,
      bytes,
      value: this.readRegister(offset, bytes),
      table: fields,
    }));
  }

  /** Translates one request: caches are used and filled, accessed and dirty bits set, faults recorded. */
  translate(request: DmaRequest): TranslationResult {
    const result = this.core.translation.translate(request);
    if (result.kind !== 'TRANSLATED') this.core.deliverMessages();
    return result;
  }

  /**
   * An untranslated access of a device, for loops that cannot afford an object: see
   * {@link UnitTranslation.translateFast}. Gives the host address, or the negative of a fault reason, or
   * NaN for an interrupt.
   */
  translateFast(sourceId: number, pasid: number, hi: number, lo: number, access: number): number {
    const { translation } = this.core;
    const outcome = translation.translateFast(sourceId, pasid, hi, lo, access);
    if (outcome === 0) return (translation.physicalHi >>> 0) * 4294967296 + (translation.physicalLo >>> 0);
    this.core.deliverMessages();
    return outcome > 0 ? -outcome : NaN;
  }

  /** What the tables say now, leaving no trace. */
  trace(request: DmaRequest): WalkTrace {
    return traceRequest(this.core, request);
  }

  /** A device asks for a page. */
  pageRequest(request: PageRequest): PageRequestOutcome {
    const outcome = acceptPageRequest(this.core, request);
    this.core.deliverMessages();
    return outcome;
  }

  /** A device signals an interrupt: 32 bits of data to an address in 0xFEEx_xxxx. */
  interruptRequest(sourceId: number, address: U64, data: number): InterruptResult {
    const result = remapInterrupt(this.core, sourceId, address, data);
    if (result.kind !== 'BLOCKED') {
      const { index, vector } = result;
      const destination = result.kind === 'DELIVERED' ? result.destination : null;
      const { name: unit } = this;
      this.core.emit({ type: 'INTERRUPT', unit, sourceId, address, data, index, vector, destination });
    }
    this.core.deliverMessages();
    return result;
  }

  /** A write to 0xFEEx_xxxx that is no interrupt, by its size or alignment. Spec: VT-d 5.1.2.1 "IR.10". */
  malformedInterrupt(sourceId: number): InterruptResult {
    const reason = INTERRUPT_FAULT.NOT_AN_INTERRUPT;
    const recorded = this.core.interruptFault(sourceId, 0, reason, false);
    this.core.deliverMessages();
    return { kind: 'BLOCKED', reason, recorded };
  }

  /** A device sent a completion for an invalidation nobody asked of it. Spec: VT-d 6.5.2.10 "ICE". */
  unexpectedCompletion(sourceId: number): void {
    const { registers } = this.core;
    if ((this.core.faultStatus() & FAULT_STATUS.ICE) === 0 && this.capabilities.QI) {
      const latched = registers.load(REGISTER.IQERCD + 4) & 0xffff;
      registers.store(REGISTER.IQERCD + 4, (latched | (sourceId << 16)) >>> 0);
      this.core.raiseFaultStatus(FAULT_STATUS.ICE);
    }
    this.core.deliverMessages();
  }

  /** Takes the answers to page requests; whoever models the devices sets it. */
  set onPageResponse(take: ((response: PageGroupResponse) => void) | null) {
    this.core.onPageResponse = take;
  }

  /** For display only: a driver cannot look into a cache. */
  get caches(): TranslationCaches {
    return this.core.caches;
  }

  /** Cached interrupt remapping entries by index, oldest first. */
  interruptEntries(): Iterable<readonly [number, readonly [U64, U64]]> {
    return this.core.interruptEntries.entries();
  }

  /** Cached entries, each with whether a walk now would answer differently. */
  cacheEntries(kind: UnitCacheKind | null, limit: number): CacheEntryView[] {
    return viewCacheEntries(this.core, kind, limit);
  }

  /** The queue as QIE latched it; of size 0 before. */
  queueState(): QueueState {
    const { base, bytes, descriptorBytes } = this.queue.latched;
    const at = (offset: number) => this.core.registers.load(offset) / descriptorBytes;
    return {
      base: u64FromNumber(base),
      size: bytes / descriptorBytes,
      head: at(REGISTER.IQH),
      tail: at(REGISTER.IQT),
      descriptorBytes,
      isEnabled: this.core.isQueueEnabled,
    };
  }

  /** The fault recording registers, used or not. */
  faultRecords(): { readonly index: number; readonly low: U64; readonly high: U64 }[] {
    return Array.from({ length: this.capabilities.faultRecords }, (_, index) => {
      const offset = faultRecordRegister(this.capabilities, index);
      return { index, low: this.readRegister(offset, 8), high: this.readRegister(offset + 8, 8) };
    });
  }

  /** What SRTP latched last. */
  get rootTable(): UnitCore['rootTable'] {
    return this.core.rootTable;
  }

  /** What SIRTP latched last. */
  get interruptTable(): UnitCore['interruptTable'] {
    return this.core.interruptTable;
  }

  private isAccessible(offset: number, bytes: 4 | 8): boolean {
    return offset >= 0 && offset % bytes === 0 && offset + bytes <= this.core.registers.bytes;
  }
}
