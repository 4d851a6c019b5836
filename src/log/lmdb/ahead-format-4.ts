import { crc32 } from 'node:zlib';
import { decode } from '../codec.js';
import type { AheadFormat } from './ahead-found.js';
import { type AheadRecord, HEAD, numberIn, type Records, recordsOf } from './ahead-record.js';
import { type AheadWrite, unreadable } from './ahead-writes.js';
import { contentOf, countOf, endOfEntries } from './records.js';

/** A write as it stood in `ahead.log`, in MessagePack; values had room for their check sums. */
type Format4Write =
  | { readonly kind: 'create'; readonly stream: number; readonly value: Uint8Array }
  | { readonly kind: 'append'; readonly stream: number; readonly first: number; readonly value: Uint8Array }
  | { readonly kind: 'drop'; readonly stream: number };

/** Commits as format 4 wrote them down: the length before the check sum, which is of both sides of it. */
export const AHEAD_4: AheadFormat = { recordAt, readWrites };

function recordAt({ bytes, view }: Records, at: number): AheadRecord | null {
  const body = at + HEAD;
  if (body > bytes.byteLength) return null;
  const end = body + view.getUint32(at, true);
  if (end === body || end > bytes.byteLength) return null;
  const sum = crc32(bytes.subarray(at + 8, end), crc32(bytes.subarray(at, at + 4)));
  return view.getUint32(at + 4, true) === sum ? { number: numberIn(view, at + 8), at: body, end } : null;
}

function readWrites({ bytes }: Records, record: AheadRecord, writes: AheadWrite[]): void {
  for (const write of decode(bytes.subarray(record.at, record.end)) as Format4Write[])
    writes.push(asRead(write, record));
}

function asRead(write: Format4Write, record: AheadRecord): AheadWrite {
  const { kind, stream } = write;
  if (kind === 'drop') return write;
  const content = contentOf(write.value);
  if (kind === 'create') return { kind, stream, content };
  const count = countOf(content);
  const end = endOfEntries(recordsOf(content).view, 4, count, content.byteLength);
  if (end === null) throw unreadable(record);
  return { kind, stream, first: write.first, count, source: content, at: 4, end };
}
