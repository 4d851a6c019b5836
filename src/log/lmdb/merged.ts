import type { PackedWrite } from './packed.js';
import { contentOf, countOf, packEntries, unpackEntries } from './records.js';

/** Entries and bytes of one value: what a reader takes at a time. */
export const RECORD_ENTRIES = 512;
export const RECORD_BYTES = 256 * 1024;

/** Values of appends that follow each other. */
interface Run {
  readonly first: number;
  readonly values: Uint8Array[];
  entries: number;
  bytes: number;
}

/** The writes of several commits as one: appends to a stream that follow each other become values of many entries. */
export function merged(writes: readonly PackedWrite[]): PackedWrite[] {
  const result: PackedWrite[] = [];
  const runs = new Map<number, Run>();
  const end = (stream: number, { first, values }: Run) =>
    result.push({ kind: 'append', stream, first, value: joined(values) });
  for (const write of writes) {
    if (write.kind !== 'append') {
      result.push(write);
      continue;
    }
    const { stream, first, value } = write;
    const entries = countOf(contentOf(value));
    const run = runs.get(stream);
    if (run !== undefined && run.entries + entries <= RECORD_ENTRIES && run.bytes < RECORD_BYTES) {
      run.values.push(value);
      run.entries += entries;
      run.bytes += value.byteLength;
      continue;
    }
    if (run !== undefined) end(stream, run);
    runs.set(stream, { first, values: [value], entries, bytes: value.byteLength });
  }
  for (const [stream, run] of runs) end(stream, run);
  return result;
}

function joined(values: readonly Uint8Array[]): Uint8Array {
  if (values.length === 1) return values[0];
  return packEntries(values.flatMap((value) => unpackEntries(contentOf(value))));
}
