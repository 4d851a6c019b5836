import type { CommandLog } from './port.js';
import type { Store, Stored, StoredEntry, Write } from './store.js';
import { StreamLog } from './stream-log.js';

/** A log that lasts as long as the process; "durable" means accepted. */
export function openMemoryLog(): Promise<CommandLog> {
  return StreamLog.open(new MemoryStore());
}

/** Entries read at a time. */
const PAGE = 512;

/** Keeps bytes in memory. */
export class MemoryStore implements Store {
  private readonly entries = new Map<number, Uint8Array[]>();

  load(): Promise<Stored> {
    return Promise.resolve({ streams: [], lastNumber: 0 });
  }

  commit(writes: readonly Write[]): Promise<void> {
    for (const write of writes) {
      switch (write.kind) {
        case 'create':
          this.entries.set(write.stream, []);
          break;
        case 'append':
          this.entries.get(write.stream)?.push(write.entry);
          break;
        case 'drop':
          this.entries.delete(write.stream);
          break;
      }
    }
    return Promise.resolve();
  }

  read(stream: number, from: number): Promise<readonly StoredEntry[]> {
    const entries = this.entries.get(stream)?.slice(from - 1, from - 1 + PAGE) ?? [];
    return Promise.resolve(entries.map((entry, index) => ({ revision: from + index, entry })));
  }

  close(): Promise<void> {
    this.entries.clear();
    return Promise.resolve();
  }
}
