import type { HardwareEvent } from '../hardware/events.js';
import type { KernelEvent, KernelLogged } from '../kernel/events.js';
import type { EndpointRef } from './command.js';

export type PlatformEvent = HardwareEvent | KernelEvent;

/** An event with its place in the platform's history. */
export interface StampedEvent<E extends PlatformEvent = PlatformEvent> {
  /** 1, 2, 3, ... without a hole. */
  readonly sequence: number;
  /** The command that caused it; 0 for booting. */
  readonly revision: number;
  /** Milliseconds since 1970. */
  readonly recordedAt: number;
  readonly event: E;
  /** Faults only: the line the kernel printed for it, and who sent the request. */
  readonly kernelLogLine: string | null;
  readonly endpoint: EndpointRef | null;
}

/**
 * The events of one platform, numbered and kept for reading. Subscribers pull from it by sequence number
 * and are only rung when there is more, so a slow one costs a number and replay and live are one loop.
 */
export class EventJournal {
  private readonly kept: StampedEvent[] = [];
  private dropped = 0;
  private readonly listeners = new Set<() => void>();

  /** @param capacity events kept at least, and at most a tenth more; the oldest are dropped first */
  constructor(private capacity: number) {}

  /** Changes how many are kept. What is kept is no part of a platform's state; a server sets it. */
  keep(capacity: number): void {
    this.capacity = capacity;
    this.drop();
  }

  /** Sequence number of the newest event; 0 before the first. */
  get last(): number {
    return this.dropped + this.kept.length;
  }

  /** Sequence number of the oldest event still kept. */
  get first(): number {
    return this.dropped + 1;
  }

  /** The event with this number; undefined when it was dropped or lies ahead. */
  at(sequence: number): StampedEvent | undefined {
    return this.kept[sequence - this.dropped - 1];
  }

  /** Numbers the events of one command and rings those who listen. */
  append(
    revision: number,
    recordedAt: number,
    events: readonly PlatformEvent[],
    endpointOf: (event: HardwareEvent) => EndpointRef | null,
  ): void {
    const lines = faultLines(events);
    for (const event of events) {
      this.kept.push({
        sequence: this.last + 1,
        revision,
        recordedAt,
        event,
        kernelLogLine: lines.get(event) ?? null,
        endpoint: event.type === 'FAULT' || event.type === 'PAGE_REQUEST' ? endpointOf(event) : null,
      });
    }
    this.drop();
    if (events.length > 0) this.ring();
  }

  /** Rings whenever events were appended, until the function it gives is called. */
  listen(ring: () => void): () => void {
    const listener = () => ring();
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private drop(): void {
    // In blocks, so that the cost of a shift is not paid for every event.
    if (this.kept.length > this.capacity * 1.1)
      this.dropped += this.kept.splice(0, this.kept.length - this.capacity).length;
  }

  /** How many listen. */
  get listening(): number {
    return this.listeners.size;
  }

  /** Rings everyone, also when nothing was appended: the platform is going away. */
  ring(): void {
    for (const listener of [...this.listeners]) listener();
  }
}

/** Joins each fault record with the kernel line printed for it, within one command. */
function faultLines(events: readonly PlatformEvent[]): Map<PlatformEvent, string> {
  const open = new Map<string, PlatformEvent>();
  const lines = new Map<PlatformEvent, string>();
  for (const event of events) {
    if (event.type === 'FAULT' && event.recordIndex !== null)
      open.set(`${event.unit}/${event.recordIndex}`, event);
    if (event.type !== 'KERNEL_LOG') continue;
    const record = (event as KernelLogged).faultRecord;
    const fault = record === null ? undefined : open.get(`${record.unit}/${record.index}`);
    if (fault !== undefined) lines.set(fault, (event as KernelLogged).text);
  }
  return lines;
}
