import type { HardwareEvent } from '../hardware/events.js';
import type { KernelEvent } from '../kernel/events.js';
import type { EndpointRef } from './command.js';
import { CHUNK_EVENTS, EventChunk } from './event-chunk.js';

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

/** How many events a journal keeps at least, how many it dropped, and how many there were. */
export interface JournalExtent {
  readonly capacity: number;
  readonly dropped: number;
  readonly count: number;
}

/**
 * The events of one platform, numbered and kept for reading. Subscribers pull from it by sequence number
 * and are only rung when there is more, so a slow one costs a number and replay and live are one loop.
 *
 * Events are kept in chunks, all but the last of them full, which copies of a journal share.
 */
export class EventJournal {
  private chunks: EventChunk[] = [];
  /** Events before the first of {@link chunks}. */
  private base = 0;
  private count = 0;
  /** Those of a command under way among them, which nobody reads before its end. */
  private written = 0;
  /** Events of a command under way that its end adds to, or that say what is added. */
  private unfinished: Unfinished[] = [];
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
    return this.count;
  }

  /** Sequence number of the oldest event still kept. */
  get first(): number {
    return this.dropped + 1;
  }

  /** The event with this number; undefined when it was dropped or lies ahead. */
  at(sequence: number): StampedEvent | undefined {
    if (sequence <= this.dropped || sequence > this.count) return undefined;
    const index = sequence - this.base - 1;
    return this.chunks[Math.floor(index / CHUNK_EVENTS)]?.events[index % CHUNK_EVENTS];
  }

  /** The chunk that has the event with a number, which is kept, and the number of its first one. */
  chunkOf(sequence: number): { readonly chunk: EventChunk; readonly first: number } {
    const index = Math.floor((sequence - this.base - 1) / CHUNK_EVENTS);
    return { chunk: this.chunks[index], first: this.base + index * CHUNK_EVENTS + 1 };
  }

  /** Adds an event of a command under way and gives its number. */
  write(revision: number, recordedAt: number, event: PlatformEvent): number {
    const sequence = ++this.written;
    const stamped = { sequence, revision, recordedAt, event, kernelLogLine: null, endpoint: null };
    this.chunkFor(sequence).events.push(stamped);
    if (isUnfinished(event)) this.unfinished.push(stamped);
    return sequence;
  }

  /** The chunk an event comes into, which is the next. */
  private chunkFor(sequence: number): EventChunk {
    const last = this.chunks.at(-1);
    if (last !== undefined && !last.isFull) return last;
    // One that a command fills from end to end is one of many, and seldom looked at: as bytes it takes a tenth.
    const first = sequence - CHUNK_EVENTS;
    const newestUnfinished = this.unfinished.at(-1)?.sequence ?? 0;
    if (first > this.count && newestUnfinished < first) last?.pack();
    const next = new EventChunk();
    this.chunks.push(next);
    return next;
  }

  /** The command is over: its events can be read, and those who listen are rung. */
  publish(endpointOf: (event: HardwareEvent) => EndpointRef | null): void {
    if (this.written === this.count) return;
    if (this.unfinished.length > 0) {
      finish(this.unfinished, endpointOf);
      this.unfinished = [];
    }
    this.count = this.written;
    this.drop();
    this.ring();
  }

  /** Rings whenever events were appended, until the function it gives is called. */
  listen(ring: () => void): () => void {
    const listener = () => ring();
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** A second journal with the same events, to which nobody listens; both go on independently. */
  copy(): EventJournal {
    const { chunks } = this;
    const last = chunks.at(-1);
    const isShared = last === undefined || last.isFull;
    return EventJournal.of(this.extent, isShared ? chunks.slice() : [...chunks.slice(0, -1), last.copy()]);
  }

  /** A journal made of chunks, of which the first holds the first event that is kept. */
  static of({ capacity, dropped, count }: JournalExtent, chunks: EventChunk[]): EventJournal {
    const journal = new EventJournal(capacity);
    journal.chunks = chunks;
    journal.count = journal.written = count;
    journal.dropped = dropped;
    journal.base = dropped - (dropped % CHUNK_EVENTS);
    return journal;
  }

  get extent(): JournalExtent {
    const { capacity, dropped, count } = this;
    return { capacity, dropped, count };
  }

  /** Its events in order, as they are kept; the first chunk can begin before {@link first}. */
  get kept(): readonly EventChunk[] {
    return this.chunks;
  }

  private drop(): void {
    if (this.count - this.dropped <= this.capacity * 1.1) return;
    this.dropped = this.count - this.capacity;
    const whole = Math.floor((this.dropped - this.base) / CHUNK_EVENTS);
    this.chunks.splice(0, whole);
    this.base += whole * CHUNK_EVENTS;
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

/** An event that is not whole before its command is over. */
interface Unfinished extends StampedEvent {
  kernelLogLine: string | null;
  endpoint: EndpointRef | null;
}

/** Whether the end of the command adds something to an event, or the event says what is added to another. */
function isUnfinished(event: PlatformEvent): boolean {
  if (event.type === 'KERNEL_LOG') return event.faultRecord !== null;
  return event.type === 'FAULT' || event.type === 'PAGE_REQUEST';
}

/** Joins each fault record with the kernel line printed for it, within one command, and requests with who sent them. */
function finish(
  unfinished: readonly Unfinished[],
  endpointOf: (event: HardwareEvent) => EndpointRef | null,
): void {
  const open = new Map<string, Unfinished>();
  for (const stamped of unfinished) {
    const { event } = stamped;
    if (event.type === 'KERNEL_LOG') {
      const record = event.faultRecord!;
      const fault = open.get(`${record.unit}/${record.index}`);
      if (fault !== undefined) fault.kernelLogLine = event.text;
      continue;
    }
    if (event.type === 'FAULT' && event.recordIndex !== null)
      open.set(`${event.unit}/${event.recordIndex}`, stamped);
    stamped.endpoint = endpointOf(event as HardwareEvent);
  }
}
