import type { EventJournal, PlatformEvent } from './event-journal.js';

/** What machine and kernel say in the middle of a command goes into the journal here, where nobody reads it yet. */
export class PendingEvents {
  /** Is told of each event the moment it happens, with the number it will have. For those who look on. */
  watcher: ((event: PlatformEvent, sequence: number) => void) | null = null;
  private revision = 0;
  private recordedAt = 0;

  constructor(private readonly journal: EventJournal) {}

  /** What comes is of this command. */
  begin(revision: number, recordedAt: number): void {
    this.revision = revision;
    this.recordedAt = recordedAt;
  }

  push(event: PlatformEvent): void {
    const sequence = this.journal.write(this.revision, this.recordedAt, event);
    this.watcher?.(event, sequence);
  }
}
