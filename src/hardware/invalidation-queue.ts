import { type U64, u64ToNumber } from '../bits/u64.js';
import type { HostMemory } from '../memory/host-memory.js';
import {
  DESCRIPTOR_TYPE,
  type PageGroupResponse,
  type WaitDescriptor,
  descriptorType,
  parsePageGroupResponse,
  parseWait,
} from '../layout/invalidation/index.js';
import { FAULT_STATUS, REGISTER } from '../layout/registers.js';
import { QUEUE_ERROR, type QueueError, describeQueueError, illegality } from './descriptor-legality.js';
import {
  INVALIDATION_STEPS,
  type Invalidated,
  type InvalidationTarget,
  invalidated,
} from './invalidate/index.js';
import type { RegisterFile } from './register-file.js';

/** What the queue needs of its unit besides the caches. */
export interface QueueHost extends InvalidationTarget {
  readonly memory: HostMemory;
  readonly hostAddressWidth: number;
  readonly registers: RegisterFile;
  readonly translationTableMode: number;
  /** FSTS. */
  faultStatus(): number;
  raiseFaultStatus(bit: number): void;
  /** An IF wait completed: ICS and its event. */
  waitCompleted(): void;
  respondToPageRequest(response: PageGroupResponse): void;
  /** A descriptor was run or refused; `error` says why. */
  report(what: Invalidated, words: readonly U64[], error: string | null): void;
}

/** Conditions that hold back the next fetch. */
const STOPPED = FAULT_STATUS.IQE | FAULT_STATUS.ITE;

/**
 * The invalidation queue: fetches descriptors from memory and runs them in order, to the end, whenever
 * software moves the tail. Spec: VT-d 6.5.2 "Queued Invalidation Interface".
 */
export class InvalidationQueue {
  private base = 0;
  private bytes = 0;
  private wide = false;
  private running = false;
  /** Source id of a device that owes an answer; null when none does. */
  private silent: number | null = null;

  constructor(private readonly host: QueueHost) {}

  /** QIE was set: the queue registers take effect. */
  enable(): void {
    const iqa = this.host.registers.load64(REGISTER.IQA);
    this.base = (u64ToNumber(iqa) % 2 ** this.host.hostAddressWidth) - (iqa.lo & 0xfff);
    this.bytes = 4096 << (iqa.lo & 7);
    this.wide = (iqa.lo & 0x800) !== 0;
    this.silent = null;
    this.setHead(0);
  }

  /** QIE was cleared. */
  disable(): void {
    this.silent = null;
    this.setHead(0);
  }

  /** The queue as latched, for display. */
  get latched(): { readonly base: number; readonly bytes: number; readonly descriptorBytes: 16 | 32 } {
    return { base: this.base, bytes: this.bytes, descriptorBytes: this.wide ? 32 : 16 };
  }

  /**
   * Fetches until the tail. Called when the tail moves and when an error was cleared; a call from within
   * (an interrupt handler moved the tail) is served by the loop already under way.
   */
  run(): void {
    if (this.running) return;
    this.running = true;
    while ((this.host.faultStatus() & STOPPED) === 0) {
      const error = this.tailError();
      if (error !== null) {
        this.stop(error);
        break;
      }
      if (this.head() === this.tail()) {
        this.giveUpOnSilentDevice();
        break;
      }
      if (!this.runOne()) break;
    }
    this.running = false;
  }

  /** Runs the descriptor at the head; false when the queue stopped at it. */
  private runOne(): boolean {
    const head = this.head();
    const words = this.fetch(head);
    if (words === null) return this.stop(QUEUE_ERROR.FETCH);
    const { translationTableMode, capabilities } = this.host;
    const error = illegality(words, this.wide, translationTableMode, capabilities);
    if (error !== null) return this.refuse(words, error);
    const type = descriptorType(words);
    if (type === DESCRIPTOR_TYPE.WAIT) return this.wait(parseWait(words), words);
    if (type === DESCRIPTOR_TYPE.PAGE_GROUP_RESPONSE) {
      const response = parsePageGroupResponse(words);
      this.advance();
      const { sourceId, pasid } = response;
      this.host.report(invalidated({ descriptor: 'PAGE_GROUP_RESPONSE', sourceId, pasid }), words, null);
      this.host.respondToPageRequest(response);
      return true;
    }
    const done = INVALIDATION_STEPS.get(type)!.run(this.host, words);
    if (done.refused) {
      this.host.report(done, words, describeQueueError(QUEUE_ERROR.RESERVED_FIELD));
      return this.stop(QUEUE_ERROR.RESERVED_FIELD);
    }
    this.advance();
    if (done.unanswered && this.silent === null) this.silent = done.sourceId;
    this.host.report(done, words, done.unanswered ? 'ITE: the device did not answer' : null);
    return true;
  }

  /**
   * Everything before a wait is done when it is fetched, unless a device owes an answer: then the time-out
   * aborts the wait, which the head has passed all the same.
   */
  private wait(what: WaitDescriptor, words: readonly U64[]): boolean {
    this.advance();
    const outcome = invalidated({ descriptor: 'WAIT' });
    if (this.silent !== null) {
      this.host.report(outcome, words, 'ITE: aborted');
      this.giveUpOnSilentDevice();
      return false;
    }
    if (what.writeStatus) {
      const address = u64ToNumber(what.statusAddress);
      if (this.host.memory.isReadable(Math.floor(address / 4096))) {
        this.host.memory.store32(address, what.statusData);
      }
    }
    this.host.report(outcome, words, null);
    if (what.interrupt) this.host.waitCompleted();
    return true;
  }

  private giveUpOnSilentDevice(): void {
    if (this.silent === null) return;
    const { registers } = this.host;
    registers.store(REGISTER.IQERCD + 4, (registers.load(REGISTER.IQERCD + 4) & 0xffff0000) | this.silent);
    this.silent = null;
    this.host.raiseFaultStatus(FAULT_STATUS.ITE);
  }

  /** Reports a descriptor that was not run. */
  private refuse(words: readonly U64[], error: QueueError): false {
    const descriptor = KIND_OF_TYPE.get(descriptorType(words)) ?? 'UNKNOWN';
    this.host.report(invalidated({ descriptor }), words, describeQueueError(error));
    return this.stop(error);
  }

  private tailError(): QueueError | null {
    const tail = this.tail();
    if (tail >= this.bytes) return QUEUE_ERROR.INVALID_TAIL;
    return this.wide && tail % 32 !== 0 ? QUEUE_ERROR.UNALIGNED_TAIL : null;
  }

  private fetch(head: number): U64[] | null {
    const address = this.base + head;
    const { memory } = this.host;
    if (!memory.isReadable(Math.floor(address / 4096))) return null;
    const words = [memory.load64(address), memory.load64(address + 8)];
    if (this.wide) words.push(memory.load64(address + 16), memory.load64(address + 24));
    return words;
  }

  private stop(error: QueueError): false {
    const { registers } = this.host;
    registers.store(REGISTER.IQERCD, (registers.load(REGISTER.IQERCD) & ~15) | error);
    this.host.raiseFaultStatus(FAULT_STATUS.IQE);
    return false;
  }

  private advance(): void {
    this.setHead((this.head() + (this.wide ? 32 : 16)) % this.bytes);
  }

  private head(): number {
    return this.host.registers.load(REGISTER.IQH);
  }

  private setHead(head: number): void {
    this.host.registers.store(REGISTER.IQH, head);
  }

  private tail(): number {
    return this.host.registers.load(REGISTER.IQT);
  }
}

const KIND_OF_TYPE: ReadonlyMap<number, Invalidated['descriptor']> = new Map([
  [DESCRIPTOR_TYPE.CONTEXT_CACHE, 'CONTEXT_CACHE'],
  [DESCRIPTOR_TYPE.IOTLB, 'IOTLB'],
  [DESCRIPTOR_TYPE.DEVICE_TLB, 'DEVICE_TLB'],
  [DESCRIPTOR_TYPE.INTERRUPT_ENTRY_CACHE, 'INTERRUPT_ENTRY_CACHE'],
  [DESCRIPTOR_TYPE.WAIT, 'WAIT'],
  [DESCRIPTOR_TYPE.PASID_IOTLB, 'PASID_IOTLB'],
  [DESCRIPTOR_TYPE.PASID_CACHE, 'PASID_CACHE'],
  [DESCRIPTOR_TYPE.PASID_DEVICE_TLB, 'PASID_DEVICE_TLB'],
  [DESCRIPTOR_TYPE.PAGE_GROUP_RESPONSE, 'PAGE_GROUP_RESPONSE'],
]);
