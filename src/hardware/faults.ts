import { type U64, u64 } from '../bits/u64.js';
import type { UnitCapabilities } from '../layout/capability.js';
import { FAULT_REQUEST_TYPE, packFaultRecord } from '../layout/fault-record.js';
import { FAULT_STATUS, REGISTER, faultRecordRegister } from '../layout/registers.js';
import type { EventMessage } from './event-message.js';
import type { EventSink, FaultOccurred } from './events.js';
import type { RegisterFile } from './register-file.js';
import type { AddressType } from './request.js';

/** What the unit knows of a refused DMA or page request. Addresses come as 32-bit halves, signed or not. */
export interface DmaFault {
  readonly sourceId: number;
  /** Null for a request-without-PASID. */
  readonly pasid: number | null;
  readonly addressHi: number;
  readonly addressLo: number;
  readonly type: keyof typeof FAULT_REQUEST_TYPE;
  readonly addressType: AddressType;
  readonly privileged: boolean;
  readonly execute: boolean;
  readonly reason: number;
  /** The reason is qualified and an entry on the way had FPD set. */
  readonly suppressed: boolean;
}

/** A refused interrupt request. */
export interface InterruptFault {
  readonly sourceId: number;
  /** Index in the interrupt remapping table. */
  readonly index: number;
  readonly reason: number;
  readonly suppressed: boolean;
}

const ADDRESS_TYPE = { UNTRANSLATED: 0, TRANSLATION_REQUEST: 1, TRANSLATED: 2 } as const;
/** Conditions of which one is enough to hold back a further event: software has not been here yet. */
const PENDING = FAULT_STATUS.PPF | FAULT_STATUS.PFO | FAULT_STATUS.IQE | FAULT_STATUS.ICE | FAULT_STATUS.ITE;
const FAULT_BIT = 0x80000000;
const FAULT_INDEX_SHIFT = 8;

/**
 * Primary fault logging: fault recording registers, FSTS and the fault event.
 * Spec: VT-d 7.3 "Fault Reporting" and 7.2.1 "Primary Fault Logging".
 */
export class FaultRecorder {
  /** The record the next fault goes to. */
  private next = 0;

  /**
   * @param event the message described by FECTL, FEDATA, FEADDR and FEUADDR
   * @param collapse drop a fault while a record of the same source waits, as the specification allows
   */
  constructor(
    private readonly unit: string,
    private readonly capabilities: UnitCapabilities,
    private readonly registers: RegisterFile,
    private readonly event: EventMessage,
    private readonly events: EventSink<FaultOccurred>,
    private readonly collapse: boolean,
  ) {}

  /** Records a refused DMA or page request and states the fact; false when it left no record. */
  recordDma(fault: DmaFault): boolean {
    const { sourceId, pasid, reason, execute, privileged } = fault;
    const type = FAULT_REQUEST_TYPE[fault.type];
    const showsPasid = pasid !== null && this.capabilities.PASID;
    const words = packFaultRecord({
      F: true,
      FI: this.recordedAddress(fault.addressHi, fault.addressLo),
      SID: sourceId,
      FR: reason,
      T: type,
      // Spec: AT is RsvdZ without device-TLB support, PV and PP without PASID support.
      AT: this.capabilities.DT ? ADDRESS_TYPE[fault.addressType] : 0,
      PP: showsPasid,
      PV: showsPasid ? pasid : 0,
      PRIV: showsPasid && privileged,
      EXE: showsPasid && execute,
    });
    const recordIndex = fault.suppressed ? null : this.record(words);
    this.events.push({
      type: 'FAULT',
      unit: this.unit,
      sourceId,
      pasid,
      address: u64(fault.addressHi, fault.addressLo & ~0xfff),
      access: fault.type === 'READ' && pasid !== null && execute ? 'EXECUTE' : fault.type,
      reason,
      addressType: fault.addressType,
      privileged,
      recorded: recordIndex !== null,
      recordIndex,
    });
    return recordIndex !== null;
  }

  /** Records a refused interrupt request and states the fact; false when it left no record. */
  recordInterrupt(fault: InterruptFault): boolean {
    const { sourceId, index, reason } = fault;
    const words = packFaultRecord({
      F: true,
      FI: u64(index << 16, 0),
      SID: sourceId,
      FR: reason,
      T: FAULT_REQUEST_TYPE.WRITE,
      AT: 0,
      PP: false,
      PV: 0,
      PRIV: false,
      EXE: false,
    });
    const recordIndex = fault.suppressed ? null : this.record(words);
    this.events.push({
      type: 'FAULT',
      unit: this.unit,
      sourceId,
      pasid: null,
      address: u64(0, index),
      access: 'INTERRUPT',
      reason,
      addressType: 'UNTRANSLATED',
      privileged: false,
      recorded: recordIndex !== null,
      recordIndex,
    });
    return recordIndex !== null;
  }

  /** A condition of the invalidation queue (IQE, ICE, ITE) arose; the same event announces it. */
  raise(bit: number): void {
    const before = this.registers.load(REGISTER.FSTS);
    this.registers.setBits(REGISTER.FSTS, bit);
    if ((before & PENDING) === 0) this.event.raise();
  }

  /** To be called after software wrote FSTS, FECTL or a fault recording register. */
  afterWrite(offset: number): void {
    if (offset === REGISTER.FECTL) {
      this.event.sendIfUnmasked();
      return;
    }
    // PPF has no storage of its own: it is the OR of all F bits, so it drops with the last of them.
    if (!this.anyRecord()) this.registers.clearBits(REGISTER.FSTS, FAULT_STATUS.PPF);
    if ((this.registers.load(REGISTER.FSTS) & PENDING) === 0) this.event.withdraw();
  }

  /** The index starts over when both DMA and interrupt remapping are off. */
  restart(): void {
    this.next = 0;
  }

  /** Puts a fault into the next record; null when there is no room or it may be left out. */
  private record(words: readonly U64[]): number | null {
    const status = this.registers.load(REGISTER.FSTS);
    if ((status & FAULT_STATUS.PFO) !== 0) return null;
    if (this.collapse && this.hasRecordOf(words[1].lo & 0xffff)) return null;
    const index = this.next;
    const offset = faultRecordRegister(this.capabilities, index);
    if ((this.registers.load(offset + 12) & FAULT_BIT) !== 0) {
      this.registers.setBits(REGISTER.FSTS, FAULT_STATUS.PFO);
      return null;
    }
    this.registers.store64(offset, words[0]);
    this.registers.store64(offset + 8, words[1]);
    this.next = (index + 1) % this.capabilities.faultRecords;
    if ((status & FAULT_STATUS.PPF) === 0) this.announce(status, index);
    return index;
  }

  private announce(status: number, index: number): void {
    const kept = status & ~(0xff << FAULT_INDEX_SHIFT);
    this.registers.store(REGISTER.FSTS, kept | (index << FAULT_INDEX_SHIFT) | FAULT_STATUS.PPF);
    if ((status & PENDING) === 0) this.event.raise();
  }

  private anyRecord(): boolean {
    for (let index = 0; index < this.capabilities.faultRecords; index++) {
      if ((this.registers.load(faultRecordRegister(this.capabilities, index) + 12) & FAULT_BIT) !== 0)
        return true;
    }
    return false;
  }

  private hasRecordOf(sourceId: number): boolean {
    for (let index = 0; index < this.capabilities.faultRecords; index++) {
      const offset = faultRecordRegister(this.capabilities, index);
      const isHeld = (this.registers.load(offset + 12) & FAULT_BIT) !== 0;
      if (isHeld && (this.registers.load(offset + 8) & 0xffff) === sourceId) return true;
    }
    return false;
  }

  /** Spec: FI bits at and above the largest supported AGAW read 0. Without second stage FS width counts. */
  private recordedAddress(hi: number, lo: number): U64 {
    const { largestAgaw, FS5LP } = this.capabilities;
    const width = largestAgaw === 0 ? (FS5LP ? 57 : 48) : largestAgaw;
    return u64(hi & (2 ** (width - 32) - 1), lo);
  }
}
