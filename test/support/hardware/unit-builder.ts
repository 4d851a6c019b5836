import { type U64, u64 } from '../../../src/bits/u64.js';
import type { HardwareEvent } from '../../../src/hardware/events.js';
import { DeviceTlb } from '../../../src/hardware/caches/device-tlb.js';
import { RemappingUnit } from '../../../src/hardware/unit.js';
import { HostMemory } from '../../../src/memory/host-memory.js';
import { hex64, word } from './words.js';

/** Offsets of the registers the tests touch. Spec: VT-d 11.4 "Register Descriptions". */
export const REGISTER = {
  VER: 0x00,
  CAP: 0x08,
  ECAP: 0x10,
  GCMD: 0x18,
  GSTS: 0x1c,
  RTADDR: 0x20,
  CCMD: 0x28,
  FSTS: 0x34,
  FECTL: 0x38,
  FEDATA: 0x3c,
  FEADDR: 0x40,
  FEUADDR: 0x44,
  IQH: 0x80,
  IQT: 0x88,
  IQA: 0x90,
  ICS: 0x9c,
  IECTL: 0xa0,
  IEDATA: 0xa4,
  IEADDR: 0xa8,
  IEUADDR: 0xac,
  IQERCD: 0xb0,
  IRTA: 0xb8,
  PQH: 0xc0,
  PQT: 0xc8,
  PQA: 0xd0,
  PRS: 0xdc,
  PECTL: 0xe0,
  PEDATA: 0xe4,
  PEADDR: 0xe8,
  PEUADDR: 0xec,
} as const;

/** Where {@link buildUnit} puts the registers whose place a capability names. */
export const FRO = 0x22;
export const IRO = 0x0f;
export const IVA = IRO * 16;
export const IOTLB = IRO * 16 + 8;

const COMMAND = { TE: 31, SRTP: 30, QIE: 26, IRE: 25, SIRTP: 24, CFI: 23 } as const;
/** GSTS bits that survive into the next command: the one-shot ones are dropped. */
const LEVEL_BITS = 0x96ffffff;

export interface UnitOptions {
  readonly capability: U64;
  readonly extendedCapability: U64;
  readonly version: number;
  readonly hostAddressWidth: number;
  readonly memory?: HostMemory;
  readonly collapseFaults?: boolean;
}

export interface Message {
  readonly address: string;
  readonly data: number;
}

/** One unit on a bench: its memory, what it said, what it sent, and a driver's handful of moves. */
export class Bench {
  readonly memory: HostMemory;
  readonly unit: RemappingUnit;
  readonly events: HardwareEvent[] = [];
  readonly messages: Message[] = [];
  readonly deviceTlbs = new Map<number, DeviceTlb>();
  private queueBase = 0;
  private queueBytes = 0;
  private descriptorBytes: 16 | 32 = 16;

  constructor(options: UnitOptions) {
    this.memory = options.memory ?? new HostMemory(2 ** options.hostAddressWidth);
    this.unit = new RemappingUnit({
      name: 'dmar0',
      segment: 0,
      memory: this.memory,
      version: options.version,
      capability: options.capability,
      extendedCapability: options.extendedCapability,
      registerBase: u64(0, 0xfed90000),
      hostAddressWidth: options.hostAddressWidth,
      events: this.events,
      bus: {
        sendMessage: (address, data) => this.messages.push({ address: hex64(address), data }),
        deviceTlb: (sourceId) => this.deviceTlbs.get(sourceId) ?? null,
        deviceTlbs: () => this.deviceTlbs,
      },
      ...(options.collapseFaults === undefined ? {} : { collapseFaults: options.collapseFaults }),
    });
  }

  /** Stores words from an address up. */
  store(address: number, ...words: (string | U64)[]): void {
    words.forEach((value, index) => {
      this.memory.store64(address + index * 8, typeof value === 'string' ? word(value) : value);
    });
  }

  load(address: number): string {
    return hex64(this.memory.load64(address));
  }

  read32(offset: number): number {
    return this.unit.readRegister(offset, 4).lo;
  }

  read64(offset: number): string {
    return hex64(this.unit.readRegister(offset, 8));
  }

  write32(offset: number, value: number): void {
    this.unit.writeRegister(offset, 4, u64(0, value));
  }

  write64(offset: number, value: string | U64): void {
    this.unit.writeRegister(offset, 8, typeof value === 'string' ? word(value) : value);
  }

  /** Sets one command bit the way the specification asks software to. */
  command(name: keyof typeof COMMAND, on = true): void {
    const status = this.read32(REGISTER.GSTS) & LEVEL_BITS;
    const mask = 1 << COMMAND[name];
    this.write32(REGISTER.GCMD, (on ? status | mask : status & ~mask) >>> 0);
  }

  /** Points the unit at a root table; translation is off meanwhile, as a change of table mode asks. */
  setRootTable(value: string): void {
    const wasOn = this.read32(REGISTER.GSTS) >>> 31 === 1;
    if (wasOn) this.command('TE', false);
    this.write64(REGISTER.RTADDR, value);
    this.command('SRTP');
    if (wasOn) this.command('TE');
  }

  enableTranslation(): void {
    this.command('TE');
  }

  /** Starts the invalidation queue at IQA with an empty queue. */
  startQueue(address: string): void {
    const value = word(address);
    this.queueBase = value.lo & 0xfffff000;
    this.descriptorBytes = (value.lo & 0x800) !== 0 ? 32 : 16;
    this.queueBytes = 4096 << (value.lo & 7);
    this.write64(REGISTER.IQT, '0x0');
    this.write64(REGISTER.IQA, address);
    this.command('QIE');
  }

  /** Puts one descriptor at the tail and moves the tail past it. */
  submit(...words: (string | U64)[]): void {
    const tail = this.unit.readRegister(REGISTER.IQT, 8).lo;
    const padded = [...words];
    while (padded.length * 8 < this.descriptorBytes) padded.push('0x0');
    this.store(this.queueBase + tail, ...padded);
    this.write64(REGISTER.IQT, u64(0, (tail + this.descriptorBytes) % this.queueBytes));
  }

  /** The two words of a fault recording register. */
  record(index = 0): { hi: string; lo: string } {
    const offset = FRO * 16 + index * 16;
    return { hi: this.read64(offset + 8), lo: this.read64(offset) };
  }

  get faultStatus(): number {
    return this.read32(REGISTER.FSTS);
  }

  /** What a driver does after a fault: free the record, then clear the overflow bit. */
  clearFault(index = 0): void {
    this.write32(FRO * 16 + index * 16 + 12, 0x80000000);
    this.write32(REGISTER.FSTS, 1);
  }

  addDeviceTlb(sourceId: number): DeviceTlb {
    const tlb = new DeviceTlb();
    this.deviceTlbs.set(sourceId, tlb);
    return tlb;
  }
}
