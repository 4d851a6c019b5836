import { Packr } from 'msgpackr';
import type { PlatformEvent, StampedEvent } from './event-journal.js';

/** Events in one chunk of a journal. */
export const CHUNK_EVENTS = 1024;

export type EventKind = PlatformEvent['type'];

/** Events of one kind have the same fields, whose names are stored once in a chunk. */
const packr = new Packr({ useRecords: true, copyBuffers: true });

/**
 * Events of a journal that follow each other, as objects or, once it is full and was stored, as bytes that
 * become objects again when somebody looks.
 */
export class EventChunk {
  private objects: StampedEvent[] | null;
  private bytes: Uint8Array | null = null;
  private known: ReadonlySet<EventKind> | null = null;

  constructor(objects: StampedEvent[] | null = []) {
    this.objects = objects;
  }

  /**
   * @param bytes made by {@link pack}
   * @param kinds those of its events
   * @param isFull whether they hold as many events as a chunk can
   */
  static packed(bytes: Uint8Array, kinds: readonly EventKind[], isFull: boolean): EventChunk {
    if (!isFull) return new EventChunk(packr.unpack(bytes) as StampedEvent[]);
    const chunk = new EventChunk(null);
    chunk.bytes = bytes;
    chunk.known = new Set(kinds);
    return chunk;
  }

  /** To be added to while the chunk is not full. */
  get events(): StampedEvent[] {
    if (this.objects === null) {
      this.objects = packr.unpack(this.bytes!) as StampedEvent[];
      this.bytes = null;
    }
    return this.objects;
  }

  /** Whether looking at its events means to unpack them. */
  get isPacked(): boolean {
    return this.objects === null;
  }

  /** The kinds its events are of. */
  get kinds(): ReadonlySet<EventKind> {
    if (this.known !== null) return this.known;
    const kinds = new Set(this.events.map(({ event }) => event.type));
    if (this.isFull) this.known = kinds;
    return kinds;
  }

  /** Whether nothing can be added, so that several journals may hold it. */
  get isFull(): boolean {
    return this.objects === null || this.objects.length === CHUNK_EVENTS;
  }

  copy(): EventChunk {
    return new EventChunk(this.events.slice());
  }

  /** Its events as bytes. A full chunk keeps those in place of the objects, which take several times as much. */
  pack(): Uint8Array {
    if (this.bytes !== null) return this.bytes;
    const bytes = new Uint8Array(packr.pack(this.objects));
    if (this.isFull) {
      this.known = this.kinds;
      this.objects = null;
      this.bytes = bytes;
    }
    return bytes;
  }
}
