import { encode } from '../codec.js';
import type { Write } from '../store.js';
import { RECORD_BYTES, RECORD_ENTRIES } from './merged.js';
import type { PackedWrite } from './packed.js';
import { contentOf, packEntries, unsealed } from './records.js';

/** Appends to one stream that follow each other become values of many entries. */
export function packWrites(writes: readonly Write[]): PackedWrite[] {
  const packed: PackedWrite[] = [];
  let index = 0;
  while (index < writes.length) {
    const write = writes[index];
    if (write.kind !== 'append') {
      packed.push(write.kind === 'drop' ? write : packCreate(write));
      index++;
      continue;
    }
    const run = runFrom(writes, index);
    packed.push({ kind: 'append', stream: write.stream, first: write.revision, value: packEntries(run) });
    index += run.length;
  }
  return packed;
}

function packCreate({ stream, name, header }: Extract<Write, { kind: 'create' }>): PackedWrite {
  return { kind: 'create', stream, value: sealable(encode({ name, header })) };
}

/** A value of this content, still without its check sum. */
export function sealable(content: Uint8Array): Uint8Array {
  const value = unsealed(content.byteLength);
  contentOf(value).set(content);
  return value;
}

function runFrom(writes: readonly Write[], from: number): Uint8Array[] {
  const run: Uint8Array[] = [];
  let bytes = 0;
  for (let index = from; index < writes.length; index++) {
    const write = writes[index];
    const isNext = write.kind === 'append' && write.stream === writes[from].stream;
    if (!isNext || run.length === RECORD_ENTRIES || bytes >= RECORD_BYTES) break;
    run.push(write.entry);
    bytes += write.entry.byteLength;
  }
  return run;
}
