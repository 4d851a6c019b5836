import { encode } from '../codec.js';
import type { Write } from '../store.js';
import { type AheadRecord, numberIn, putNumber, type Records } from './ahead-record.js';
import { Damage } from './damage.js';
import type { Image } from './image.js';
import { RECORD_BYTES, RECORD_ENTRIES } from './merged.js';
import { type Entries, endOfEntries } from './records.js';

/*
 * The writes of a commit as they stand in its record, one after the other; numbers are little-endian:
 *
 *   create: 1, stream (4 bytes), length (4), content of the value of its head
 *   append: 2, stream (4), first revision (8), how many entries (4), the length of each
 *           (4), their bytes; entries of one stream that follow each other are one such write, up to some bound
 *   drop:   3, stream (4)
 */

const CREATE = 1;
const APPEND = 2;
const DROP = 3;
/** Bytes of a write before its content or lengths. */
const HEADS: Readonly<Record<number, number>> = { [CREATE]: 9, [APPEND]: 17, [DROP]: 5 };

/** A write as it is read. */
export type AheadWrite =
  | { readonly kind: 'create'; readonly stream: number; readonly content: Uint8Array }
  | (Entries & { readonly kind: 'append'; readonly stream: number; readonly first: number })
  | { readonly kind: 'drop'; readonly stream: number };

/** Puts the writes of a commit into an image; gives where they end. */
export function putWrites(image: Image, at: number, writes: readonly Write[]): number {
  for (let index = 0; index < writes.length;) {
    const write = writes[index];
    if (write.kind === 'append') {
      const next = endOfRun(writes, index, write.stream);
      at = putAppend(image, at, writes, index, next);
      index = next;
    } else {
      at = write.kind === 'create' ? putCreate(image, at, write) : putDrop(image, at, write.stream);
      index++;
    }
  }
  return at;
}

/** Index behind the appends that become one value. */
function endOfRun(writes: readonly Write[], from: number, stream: number): number {
  const most = Math.min(writes.length, from + RECORD_ENTRIES);
  let bytes = 0;
  let index = from;
  while (index < most && bytes < RECORD_BYTES) {
    const write = writes[index];
    if (write.kind !== 'append' || write.stream !== stream) break;
    bytes += write.entry.byteLength;
    index++;
  }
  return index;
}

function putAppend(image: Image, at: number, writes: readonly Write[], from: number, to: number): number {
  const lengths = at + HEADS[APPEND];
  let end = lengths + 4 * (to - from);
  image.reserve(end);
  for (let index = from; index < to; index++) {
    const { stream, revision, entry } = writes[index] as Extract<Write, { kind: 'append' }>;
    if (index === from) {
      putHead(image.view, at, APPEND, stream);
      putNumber(image.view, at + 5, revision);
      image.view.setUint32(at + 13, to - from, true);
    }
    image.reserve(end + entry.byteLength);
    image.view.setUint32(lengths + 4 * (index - from), entry.byteLength, true);
    image.bytes.set(entry, end);
    end += entry.byteLength;
  }
  return end;
}

function putCreate(image: Image, at: number, write: Extract<Write, { kind: 'create' }>): number {
  const content = encode({ name: write.name, header: write.header });
  const end = at + HEADS[CREATE] + content.byteLength;
  image.reserve(end);
  putHead(image.view, at, CREATE, write.stream);
  image.view.setUint32(at + 5, content.byteLength, true);
  image.bytes.set(content, at + HEADS[CREATE]);
  return end;
}

function putDrop(image: Image, at: number, stream: number): number {
  image.reserve(at + HEADS[DROP]);
  putHead(image.view, at, DROP, stream);
  return at + HEADS[DROP];
}

function putHead(view: DataView, at: number, kind: number, stream: number): void {
  view.setUint8(at, kind);
  view.setUint32(at + 1, stream, true);
}

/**
 * Adds the writes of a commit to others.
 *
 * @throws Damage when its bytes are not writes, one after the other up to its end
 */
export function readWrites({ bytes, view }: Records, record: AheadRecord, writes: AheadWrite[]): void {
  let { at } = record;
  while (at < record.end) {
    const kind = view.getUint8(at);
    const body = at + (HEADS[kind] ?? Infinity);
    if (body > record.end) throw unreadable(record);
    const stream = view.getUint32(at + 1, true);
    let end: number | null = body;
    if (kind === APPEND) {
      const first = numberIn(view, at + 5);
      const count = view.getUint32(at + 13, true);
      end = endOfEntries(view, body, count, record.end);
      if (end !== null) writes.push({ kind: 'append', stream, first, count, source: bytes, at: body, end });
    } else if (kind === CREATE) {
      end += view.getUint32(at + 5, true);
      writes.push({ kind: 'create', stream, content: bytes.subarray(body, end) });
    } else {
      writes.push({ kind: 'drop', stream });
    }
    if (end === null || end > record.end) throw unreadable(record);
    at = end;
  }
}

/** Told of a commit whose check sum is right: another program wrote it. */
export function unreadable({ number }: AheadRecord): Damage {
  return new Damage(`commit ${number} cannot be read`);
}
