import { crc32 } from 'node:zlib';

/*
 * A commit as it stands in `ahead.log`, and as it is handed to the thread: length of its bytes, check sum, number (two
 * halves, the lower first), and its bytes. The check sum covers the rest.
 */

/** Bytes before those of the commit. */
export const HEAD = 16;

export interface AheadRecord {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly end: number;
}

/** Writes the head of a record whose other bytes are there. */
export function sealRecord(record: Uint8Array, number: number): void {
  const view = viewOf(record);
  view.setUint32(0, record.byteLength - HEAD, true);
  view.setUint32(8, number >>> 0, true);
  view.setUint32(12, Math.floor(number / 2 ** 32), true);
  view.setUint32(4, sumOf(record), true);
}

/** Null when there is none, or one that is not what was written. */
export function recordAt(file: Uint8Array, at: number): AheadRecord | null {
  if (at + HEAD > file.byteLength) return null;
  const view = viewOf(file);
  const length = view.getUint32(at, true);
  const end = at + HEAD + length;
  if (length === 0 || end > file.byteLength) return null;
  if (view.getUint32(at + 4, true) !== sumOf(file.subarray(at, end))) return null;
  return { number: numberAt(view, at), bytes: file.subarray(at + HEAD, end), end };
}

/** Records that follow each other from the beginning, by place and by number. */
export function* recordsIn(file: Uint8Array): Generator<AheadRecord> {
  let record = recordAt(file, 0);
  while (record !== null) {
    yield record;
    const next = recordAt(file, record.end);
    record = next?.number === record.number + 1 ? next : null;
  }
}

/** Number of a record that may begin there. */
export function numberAt(view: DataView, at: number): number {
  return view.getUint32(at + 12, true) * 2 ** 32 + view.getUint32(at + 8, true);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function sumOf(record: Uint8Array): number {
  return crc32(record.subarray(8), crc32(record.subarray(0, 4)));
}
