import type { PackedWrite } from './packed.js';
import { contentOf, packEntries, unpackEntries } from './records.js';

/** Entries and bytes of one value: what a reader takes at a time. */
export const RECORD_ENTRIES = 512;
export const RECORD_BYTES = 256 * 1024;

interface Run {
  readonly first: number;
  readonly entries: Uint8Array[];
  bytes: number;
}

/** The writes of several commits as one: appends to a stream that follow each other become values of many entries. */
export function merged(writes: readonly PackedWrite[]): PackedWrite[] {
  const result: PackedWrite[] = [];
  const runs = new Map<number, Run>();
  const end = (stream: number, { first, entries }: Run) =>
    result.push({ kind: 'append', stream, first, value: packEntries(entries) });
  for (const write of writes) {
    if (write.kind !== 'append') {
      result.push(write);
      continue;
    }
    const entries = unpackEntries(contentOf(write.value));
    const run = runs.get(write.stream);
    if (
      run !== undefined &&
      run.entries.length + entries.length <= RECORD_ENTRIES &&
      run.bytes < RECORD_BYTES
    ) {
      run.entries.push(...entries);
      run.bytes += write.value.byteLength;
      continue;
    }
    if (run !== undefined) end(write.stream, run);
    runs.set(write.stream, { first: write.first, entries, bytes: write.value.byteLength });
  }
  for (const [stream, run] of runs) end(stream, run);
  return result;
}
