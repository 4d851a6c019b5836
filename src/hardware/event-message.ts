import { type U64, u64 } from '../bits/u64.js';
import { EVENT_CONTROL } from '../layout/registers.js';
import type { RegisterFile } from './register-file.js';

/** A message of a unit on its way to the bus. */
export interface UnitMessage {
  readonly address: U64;
  readonly data: number;
}

/**
 * One of the unit's own interrupts: four registers (control, data, address, upper address) and the rule
 * that a masked event waits. Spec: VT-d 7.3 "Fault Reporting" and 11.4.8 "Invalidation Event Control".
 */
export class EventMessage {
  /**
   * @param control offset of the control register; the other three follow it
   * @param outbox where messages wait until the operation that caused them is over
   */
  constructor(
    private readonly registers: RegisterFile,
    private readonly control: number,
    private readonly outbox: UnitMessage[],
  ) {}

  /** The event happened: sent at once, or kept pending while masked. */
  raise(): void {
    this.registers.setBits(this.control, EVENT_CONTROL.IP);
    this.sendIfUnmasked();
  }

  /** Software wrote the control register; unmasking lets a pending event out. */
  sendIfUnmasked(): void {
    const control = this.registers.load(this.control);
    if ((control & EVENT_CONTROL.IP) === 0 || (control & EVENT_CONTROL.IM) !== 0) return;
    this.withdraw();
    const address = u64(this.registers.load(this.control + 12), this.registers.load(this.control + 8));
    this.outbox.push({ address, data: this.registers.load(this.control + 4) });
  }

  /** Software serviced the condition before the message went out. */
  withdraw(): void {
    this.registers.clearBits(this.control, EVENT_CONTROL.IP);
  }
}
