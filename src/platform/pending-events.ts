import type { EventJournal, PlatformEvent } from './event-journal.js';

/** What machine and kernel said since events were last numbered. */
export class PendingEvents {
  /** Is told of each event the moment it happens, with the number it will have. For those who look on. */
  watcher: ((event: PlatformEvent, sequence: number) => void) | null = null;
  private readonly events: PlatformEvent[] = [];

  constructor(private readonly journal: EventJournal) {}

  push(event: PlatformEvent): void {
    this.events.push(event);
    this.watcher?.(event, this.journal.last + this.events.length);
  }

  /** Gives them out, once. */
  take(): PlatformEvent[] {
    return this.events.splice(0);
  }
}
