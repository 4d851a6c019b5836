import type { HostFrame } from '../../bits/address.js';
import { type U64, ZERO, toHexDigits, u64, u64FromNumber } from '../../bits/u64.js';
import { packWait } from '../../layout/invalidation/index.js';
import { FAULT_STATUS, GLOBAL, REGISTER } from '../../layout/registers.js';
import type { KernelLog } from '../log/kernel-log.js';
import { refusal } from '../refusal.js';
import type { FrameAllocator } from '../../memory/frame-allocator.js';
import type { HostMemory } from '../../memory/host-memory.js';

/** What units need of the kernel around them. */
export interface UnitSurroundings {
  readonly memory: HostMemory;
  readonly frames: FrameAllocator;
  readonly log: KernelLog;
}

/** A unit, as far as its queue is concerned. */
export interface QueueOwner {
  readonly name: string;
  readonly capabilities: { readonly SMTS: boolean };
  readonly surroundings: UnitSurroundings;
  read32(offset: number): number;
  write32(offset: number, value: number): void;
  write64(offset: number, value: U64): void;
  enable(bits: number): void;
  print(text: string): void;
}

/** Slots of the ring. Linux: QI_LENGTH. */
const SLOTS = 256;

/** States of a slot, in a word of memory each. Linux: QI_FREE, QI_IN_USE, QI_DONE, QI_ABORT. */
const SLOT = { FREE: 0, IN_USE: 1, DONE: 2, ABORTED: 3 } as const;

/** Submissions a stuck or faulty unit gets before the model gives up; the real kernel spins for ever. */
const PATIENCE = 4;

/** The driver's side of an invalidation queue. Linux: struct q_inval. */
export class InvalidationRing {
  /** Next slot to fill. */
  head = 0;
  /** Oldest slot not given back yet. */
  private tail = 0;
  private free = SLOTS;
  private readonly slotLg2: number;

  private constructor(
    private readonly surroundings: UnitSurroundings,
    readonly baseFrame: HostFrame,
    readonly statusFrame: HostFrame,
    private readonly wide: boolean,
  ) {
    this.slotLg2 = wide ? 5 : 4;
  }

  /**
   * Allocates a ring and points a unit at it. Descriptors are 256 bits wide on every unit that could run in
   * scalable mode, whether it does or not. Linux: dmar_enable_qi(), __dmar_enable_qi().
   */
  static install(unit: QueueOwner): InvalidationRing | null {
    const { frames, memory } = unit.surroundings;
    const wide = unit.capabilities.SMTS;
    const base = wide ? frames.allocateRun(2) : frames.allocate();
    const status = frames.allocate();
    if (base === null || status === null) return null;
    for (const frame of wide ? [base, base + 1, status] : [base, status]) memory.clearFrame(frame);
    const ring = new InvalidationRing(unit.surroundings, base, status, wide);
    const address = u64FromNumber(base * 4096);
    unit.write32(REGISTER.IQT, 0);
    unit.write64(REGISTER.IQA, wide ? u64(address.hi, address.lo | (1 << 11) | 1) : address);
    unit.enable(GLOBAL.QIE);
    return ring;
  }

  /**
   * Runs one descriptor and waits for it; false when the unit called it invalid.
   * Linux: qi_submit_sync().
   */
  submit(unit: QueueOwner, words: readonly U64[]): boolean {
    for (let attempt = 0; attempt < PATIENCE; attempt++) {
      const outcome = this.submitOnce(unit, words);
      if (outcome !== 'AGAIN') return outcome === 'DONE';
    }
    const rule = `${unit.name} does not complete its invalidations: the kernel would wait for ever.`;
    throw refusal('EIO', 'qi_submit_sync', rule, { code: 'QUEUE_STANDS_STILL' });
  }

  /** Puts one descriptor into the ring, and that is all. Not a thing the driver does. */
  submitRaw(unit: QueueOwner, words: readonly U64[]): void {
    const index = this.head;
    this.write(index, words);
    this.setStatus(index, SLOT.DONE);
    this.head = (index + 1) % SLOTS;
    this.free--;
    unit.write32(REGISTER.IQT, this.head << this.slotLg2);
    this.reclaim();
  }

  private submitOnce(unit: QueueOwner, words: readonly U64[]): 'DONE' | 'INVALID' | 'AGAIN' {
    const index = this.head;
    const waitIndex = (index + 1) % SLOTS;
    this.write(index, words);
    this.write(waitIndex, this.waitWords(waitIndex));
    this.setStatus(index, SLOT.IN_USE);
    this.setStatus(waitIndex, SLOT.IN_USE);
    this.head = (index + 2) % SLOTS;
    this.free -= 2;
    unit.write32(REGISTER.IQT, this.head << this.slotLg2);

    let outcome: 'DONE' | 'INVALID' | 'AGAIN' = 'DONE';
    for (let turn = 0; this.status(waitIndex) !== SLOT.DONE; turn++) {
      const fault = this.checkFault(unit, index, waitIndex);
      if (fault === 'INVALID') outcome = 'INVALID';
      if (fault === 'AGAIN' || turn === PATIENCE) {
        outcome = 'AGAIN';
        break;
      }
    }
    this.setStatus(index, SLOT.DONE);
    if (outcome === 'AGAIN') this.setStatus(waitIndex, SLOT.ABORTED);
    this.reclaim();
    return outcome;
  }

  /**
   * Looks at the error bits while waiting. A descriptor the unit refuses is overwritten with the wait
   * descriptor, so that the queue can go on once the error is cleared. One that somebody else put there is left
   * to them. Linux: qi_check_fault().
   */
  private checkFault(unit: QueueOwner, index: number, waitIndex: number): 'INVALID' | 'AGAIN' | null {
    if (this.status(waitIndex) === SLOT.ABORTED) return 'AGAIN';
    const faults = unit.read32(REGISTER.FSTS);
    let outcome: 'INVALID' | 'AGAIN' | null = null;
    if ((faults & FAULT_STATUS.IQE) !== 0) {
      const head = unit.read32(REGISTER.IQH) >>> this.slotLg2;
      if (head === index) {
        const [low, high] = this.read(index);
        unit.print(
          `DMAR: VT-d detected invalid descriptor: qw0 = ${toHexDigits(low)}, qw1 = ${toHexDigits(high)}`,
        );
        this.write(index, this.waitWords(waitIndex));
        unit.write32(REGISTER.FSTS, FAULT_STATUS.IQE);
        outcome = 'INVALID';
      }
    }
    if ((faults & FAULT_STATUS.ITE) !== 0) {
      unit.write32(REGISTER.FSTS, FAULT_STATUS.ITE);
      if (this.status(waitIndex) !== SLOT.DONE) outcome = 'AGAIN';
    }
    if ((faults & FAULT_STATUS.ICE) !== 0) unit.write32(REGISTER.FSTS, FAULT_STATUS.ICE);
    return outcome;
  }

  /** Linux: reclaim_free_desc(). */
  private reclaim(): void {
    while (this.free < SLOTS) {
      const status = this.status(this.tail);
      if (status !== SLOT.DONE && status !== SLOT.ABORTED) break;
      this.setStatus(this.tail, SLOT.FREE);
      this.tail = (this.tail + 1) % SLOTS;
      this.free++;
    }
  }

  private waitWords(slot: number): readonly U64[] {
    return packWait({
      interrupt: false,
      writeStatus: true,
      fence: false,
      drainPageRequests: false,
      statusData: SLOT.DONE,
      statusAddress: u64FromNumber(this.statusFrame * 4096 + slot * 4),
    });
  }

  private write(slot: number, words: readonly U64[]): void {
    const address = this.baseFrame * 4096 + slot * (1 << this.slotLg2);
    const count = this.wide ? 4 : 2;
    for (let word = 0; word < count; word++) {
      this.surroundings.memory.store64(address + word * 8, words[word] ?? ZERO);
    }
  }

  private read(slot: number): [U64, U64] {
    const address = this.baseFrame * 4096 + slot * (1 << this.slotLg2);
    return [this.surroundings.memory.load64(address), this.surroundings.memory.load64(address + 8)];
  }

  private status(slot: number): number {
    return this.surroundings.memory.load32(this.statusFrame * 4096 + slot * 4);
  }

  private setStatus(slot: number, status: number): void {
    this.surroundings.memory.store32(this.statusFrame * 4096 + slot * 4, status);
  }
}
