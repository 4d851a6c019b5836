import { crc32 } from 'node:zlib';

/*
 * A commit as it stands in `ahead.log`, and as it is handed to the thread: check sum of what follows (4 bytes), length
 * of its bytes (4), number (8), and its bytes (`ahead-writes.ts`). Numbers are little-endian.
 */

/** Bytes before those of the commit. */
export const HEAD = 16;

/** Bytes with records in them. */
export interface Records {
  readonly bytes: Uint8Array;
  /** Of all of them. */
  readonly view: DataView;
}

export interface AheadRecord {
  readonly number: number;
  /** Where the bytes of the commit begin. */
  readonly at: number;
  readonly end: number;
}

/** Writes the head of a record whose other bytes are there. */
export function sealRecord({ bytes, view }: Records, at: number, end: number, number: number): void {
  view.setUint32(at + 4, end - at - HEAD, true);
  putNumber(view, at + 8, number);
  view.setUint32(at, crc32(bytes.subarray(at + 4, end)), true);
}

/** The record that was written there. */
export function knownRecordAt({ view }: Records, at: number): AheadRecord {
  const body = at + HEAD;
  return { number: numberIn(view, at + 8), at: body, end: body + view.getUint32(at + 4, true) };
}

/** Null when there is none, or one that is not what was written. */
export function recordAt(file: Records, at: number): AheadRecord | null {
  const { bytes, view } = file;
  if (at + HEAD > bytes.byteLength) return null;
  const record = knownRecordAt(file, at);
  if (record.end === record.at || record.end > bytes.byteLength) return null;
  return view.getUint32(at, true) === crc32(bytes.subarray(at + 4, record.end)) ? record : null;
}

export function recordsOf(bytes: Uint8Array): Records {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** A whole number in two halves of 4 bytes, the lower first. */
export function putNumber(view: DataView, at: number, number: number): void {
  view.setUint32(at, number >>> 0, true);
  view.setUint32(at + 4, Math.floor(number / 2 ** 32), true);
}

export function numberIn(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}
