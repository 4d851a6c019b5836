import type { AheadWrite } from './ahead-writes.js';
import type { PackedWrite } from './packed.js';
import { type Entries, joinEntries, sealable } from './records.js';

/** Entries and bytes of one value: what a reader takes at a time. */
export const RECORD_ENTRIES = 512;
export const RECORD_BYTES = 256 * 1024;

/** Appends that follow each other. */
interface Run {
  readonly first: number;
  readonly appended: Entries[];
  count: number;
  bytes: number;
}

/** The writes of several commits as one: appends to a stream that follow each other become values of many entries. */
export function merged(writes: readonly AheadWrite[]): PackedWrite[] {
  const result: PackedWrite[] = [];
  const runs = new Map<number, Run>();
  const end = (stream: number, { first, appended, count }: Run) =>
    result.push({ kind: 'append', stream, first, value: joinEntries(appended, count) });
  for (const write of writes) {
    const { kind, stream } = write;
    if (kind !== 'append') {
      result.push(kind === 'drop' ? write : { kind, stream, value: sealable(write.content) });
      continue;
    }
    const { first, count } = write;
    const bytes = write.end - write.at;
    const run = runs.get(stream);
    const isNext = run !== undefined && first === run.first + run.count;
    if (isNext && run.count + count <= RECORD_ENTRIES && run.bytes < RECORD_BYTES) {
      run.appended.push(write);
      run.count += count;
      run.bytes += bytes;
      continue;
    }
    if (run !== undefined) end(stream, run);
    runs.set(stream, { first, appended: [write], count, bytes });
  }
  for (const [stream, run] of runs) end(stream, run);
  return result;
}
