import type { CommandLog } from './port.js';
import type { SnapshotEnd, SnapshotPart, Store, Stored, StoredEntry, Write } from './store.js';
import { StreamLog } from './stream-log.js';

/** A log that lasts as long as the process; "durable" means accepted. */
export function openMemoryLog(): Promise<CommandLog> {
  return StreamLog.open(new MemoryStore());
}

/** Entries read at a time. */
const PAGE = 512;

interface HeldSnapshot {
  readonly head: Uint8Array;
  readonly parts: (readonly Uint8Array[])[];
}

/** Keeps bytes in memory. */
export class MemoryStore implements Store {
  private readonly entries = new Map<number, Uint8Array[]>();
  /** By stream and revision. */
  private readonly held = new Map<number, Map<number, HeldSnapshot>>();
  private parts: (readonly Uint8Array[])[] = [];

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
          // Into Node's pool: memory of its own costs more than a small entry.
          this.entries.get(write.stream)?.push(Buffer.from(write.entry));
          break;
        case 'drop':
          this.entries.delete(write.stream);
          this.held.delete(write.stream);
          break;
      }
    }
    return Promise.resolve();
  }

  read(stream: number, from: number): Promise<readonly StoredEntry[]> {
    const entries = this.entries.get(stream)?.slice(from - 1, from - 1 + PAGE) ?? [];
    return Promise.resolve(entries.map((entry, index) => ({ revision: from + index, entry })));
  }

  putSnapshotPart({ index, pieces }: SnapshotPart): Promise<void> {
    this.parts[index] = pieces;
    return Promise.resolve();
  }

  endSnapshot({ stream, revision, head, beside }: SnapshotEnd): Promise<void> {
    const { parts } = this;
    this.parts = [];
    if (head !== null && this.entries.has(stream)) {
      const others = [...(this.held.get(stream) ?? [])].filter(([each]) => beside.includes(each));
      this.held.set(stream, new Map([...others, [revision, { head, parts }]]));
    }
    return Promise.resolve();
  }

  snapshots(stream: number): Promise<number[]> {
    return Promise.resolve([...(this.held.get(stream)?.keys() ?? [])].sort((a, b) => a - b));
  }

  snapshotHead(stream: number, revision: number): Promise<Uint8Array> {
    return Promise.resolve(this.held.get(stream)!.get(revision)!.head);
  }

  snapshotPart(stream: number, revision: number, index: number): Promise<readonly Uint8Array[]> {
    return Promise.resolve(this.held.get(stream)!.get(revision)!.parts[index]);
  }

  close(): Promise<void> {
    this.entries.clear();
    this.held.clear();
    return Promise.resolve();
  }
}
