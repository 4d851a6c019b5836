import { crc32 } from 'node:zlib';
import { Damage } from './damage.js';

/*
 * What is stored, format 2. Every value begins with the CRC-32 of its key and of what follows it, so that a
 * value that was changed, or stands in another's place, is told from one that was written.
 */

const CRC_BYTES = 4;

/** Key of a stream's head. */
export function streamKey(stream: number): Buffer {
  const key = Buffer.allocUnsafe(4);
  key.writeUInt32BE(stream);
  return key;
}

/** Key of entries from a revision of a stream on; keys are in order of both. */
export function revisionKey(stream: number, revision: number): Buffer {
  const key = Buffer.allocUnsafe(12);
  key.writeUInt32BE(stream, 0);
  key.writeUInt32BE(Math.floor(revision / 2 ** 32), 4);
  key.writeUInt32BE(revision >>> 0, 8);
  return key;
}

/** Stream and revision of a key made by {@link revisionKey}. */
export function revisionOf(key: Uint8Array): { stream: number; revision: number } {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  return { stream: view.getUint32(0), revision: view.getUint32(4) * 2 ** 32 + view.getUint32(8) };
}

/** Room for the check sum and then `length` bytes; see {@link seal}. */
export function unsealed(length: number): Uint8Array {
  return new Uint8Array(CRC_BYTES + length);
}

/** A value of this content, still without its check sum. */
export function sealable(content: Uint8Array): Uint8Array {
  const value = unsealed(content.byteLength);
  contentOf(value).set(content);
  return value;
}

/** What follows the check sum. */
export function contentOf(value: Uint8Array): Uint8Array {
  return value.subarray(CRC_BYTES);
}

/** Writes the check sum of a key and its value into the value. */
export function seal(key: Uint8Array, value: Uint8Array): Buffer {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  bytes.writeUInt32LE(sumOf(key, value));
  return bytes;
}

/** The content of a sealed value. */
export function unseal(key: Uint8Array, value: Uint8Array): Uint8Array {
  if (value.byteLength < CRC_BYTES) throw new Damage('a value is too short');
  const sum = new DataView(value.buffer, value.byteOffset).getUint32(0, true);
  if (sum !== sumOf(key, value)) throw new Damage('a value is not what was written');
  return contentOf(value);
}

function sumOf(key: Uint8Array, value: Uint8Array): number {
  return crc32(contentOf(value), crc32(key));
}

/** Entries of one stream with consecutive revisions, as one value: how many, how long each, and their bytes. */
export function packEntries(entries: readonly Uint8Array[]): Uint8Array {
  const head = 4 + 4 * entries.length;
  const value = unsealed(entries.reduce((sum, entry) => sum + entry.byteLength, head));
  const view = new DataView(value.buffer, CRC_BYTES);
  view.setUint32(0, entries.length, true);
  let at = CRC_BYTES + head;
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index];
    view.setUint32(4 + 4 * index, entry.byteLength, true);
    value.set(entry, at);
    at += entry.byteLength;
  }
  return value;
}

/** Entries as they stand in bytes: the lengths of all, 4 bytes each, and then theirs, from `at` to `end`. */
export interface Entries {
  readonly count: number;
  readonly source: Uint8Array;
  readonly at: number;
  readonly end: number;
}

/** Where entries end, the first of whose lengths is at `at`; null when there are none or they go on behind `most`. */
export function endOfEntries(view: DataView, at: number, count: number, most: number): number | null {
  let end = at + 4 * count;
  if (count === 0 || end > most) return null;
  for (let index = 0; index < count; index++) end += view.getUint32(at + 4 * index, true);
  return end > most ? null : end;
}

/** The same value as {@link packEntries} makes of all of these, of which there are `count`. */
export function joinEntries(parts: readonly Entries[], count: number): Uint8Array {
  const value = unsealed(parts.reduce((sum, { at, end }) => sum + end - at, 4));
  new DataView(value.buffer).setUint32(CRC_BYTES, count, true);
  let lengthsAt = CRC_BYTES + 4;
  let bytesAt = lengthsAt + 4 * count;
  for (const { count, source, at, end } of parts) {
    const bytes = at + 4 * count;
    value.set(source.subarray(at, bytes), lengthsAt);
    value.set(source.subarray(bytes, end), bytesAt);
    lengthsAt += 4 * count;
    bytesAt += end - bytes;
  }
  return value;
}

/** The entries of the content of a value made by {@link packEntries}. */
export function unpackEntries(content: Uint8Array): Uint8Array[] {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const count = view.getUint32(0, true);
  let at = 4 + 4 * count;
  return Array.from({ length: count }, (_, index) => {
    const end = at + view.getUint32(4 + 4 * index, true);
    const entry = content.subarray(at, end);
    at = end;
    return entry;
  });
}

/** How many entries the content of such a value has. */
export function countOf(content: Uint8Array): number {
  return new DataView(content.buffer, content.byteOffset, content.byteLength).getUint32(0, true);
}
