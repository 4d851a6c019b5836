import type { LspciText } from './records.js';
import { DUMP_LINE, ZEROS } from './records.js';

const SIZES = [64, 256, 4096] as const;

export interface Dump {
  /** 64, 256 or 4096 bytes; null when the record has no usable dump. */
  readonly config: Uint8Array | null;
  readonly findings: readonly { readonly line: number; readonly message: string }[];
}

/** Bytes of a record's hex dump, up to the first line that does not follow the one before. */
export function dumpOf(record: LspciText): Dump {
  const bytes: number[] = [];
  const findings: { line: number; message: string }[] = [];
  let last = record.line;
  let mayJump = false;
  for (const line of record.dump) {
    if (line.text === ZEROS) {
      mayJump = true;
      continue;
    }
    const [, offset, body] = DUMP_LINE.exec(line.text) as RegExpExecArray;
    const at = parseInt(offset, 16);
    if (mayJump && at > bytes.length && at < SIZES[2])
      bytes.push(...new Array<number>(at - bytes.length).fill(0));
    mayJump = false;
    if (at !== bytes.length) {
      const expected = bytes.length.toString(16).padStart(2, '0');
      findings.push({
        line: line.number,
        message: `hex dump at ${offset} where ${expected} has to follow; rest ignored`,
      });
      break;
    }
    for (const byte of body.trim().split(' ')) bytes.push(parseInt(byte, 16));
    last = line.number;
  }
  if (bytes.length === 0) return { config: null, findings };
  if (bytes.length < SIZES[0]) {
    findings.push({
      line: last,
      message: `hex dump of ${bytes.length} bytes does not hold a header; ignored`,
    });
    return { config: null, findings };
  }
  const size = SIZES.find((candidate) => candidate >= bytes.length) ?? 4096;
  // CardBus bridges have a header of 128 bytes, which is all a plain -x shows.
  if (bytes.length < size) {
    findings.push({
      line: last,
      message: `hex dump ends after ${bytes.length} bytes; up to ${size} read as zero`,
    });
  }
  const config = new Uint8Array(size);
  config.set(bytes.slice(0, size));
  return { config, findings };
}
