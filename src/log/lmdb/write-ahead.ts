import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { decode, encode } from '../codec.js';
import { LogError } from '../log-error.js';
import { Damage } from './damage.js';
import type { PackedWrite } from './packed.js';

/** Length, check sum and number (two halves) of a commit, before its bytes. */
const HEAD = 16;
/** Bytes the file grows by; a file that does not grow is synced sooner, and a full disk is met here. */
const STEP = 4 * 1024 * 1024;
/** Commits there may be in one file; it begins anew long before. */
const MOST_LATER = 2 ** 20;
const ZEROS = new Uint8Array(256 * 1024);

interface Record {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly end: number;
}

/**
 * Commits on their way into the database, one after the other in a file: each is on the disk after one wait, where the
 * database takes two, for its pages and then for their root. When they are in the database, the file begins anew.
 *
 * Commits are numbered. What a power cut left of the last one has a wrong check sum, and what is left behind it from
 * before has an older number; both were never acknowledged, or are in the database.
 */
export class WriteAhead {
  /** Commits that are not in the database, in order. */
  readonly found: (readonly PackedWrite[])[] = [];
  private readonly file: number;
  private size: number;
  private end = 0;

  /**
   * @param stored number of the last commit in the database
   * @param relaxed whether not to wait for the disk
   */
  constructor(
    path: string,
    stored: number,
    private readonly relaxed: boolean,
  ) {
    this.file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o666);
    syncDirectory(dirname(path));
    this.size = fstatSync(this.file).size;
    let previous: number | null = null;
    for (let record = this.recordAt(0); record !== null; record = this.recordAt(this.end)) {
      if (previous !== null && record.number !== previous + 1) break;
      previous = record.number;
      this.end = record.end;
      if (record.number > stored) this.take(record, stored);
    }
    this.refuseGap(stored + this.found.length);
  }

  /** Bytes of the commits in the file. */
  get bytes(): number {
    return this.end;
  }

  /** Makes a commit durable. When it throws, it is not there; with `LOST` that is not known. */
  append(number: number, writes: readonly PackedWrite[]): void {
    const record = recordOf(number, encode(writes));
    this.grow(this.end + record.byteLength);
    try {
      this.write(record, this.end);
      this.sync();
    } catch (cause) {
      this.takeBack();
      throw cause;
    }
    this.end += record.byteLength;
  }

  /** To be called when all of them are in the database, and that is on the disk. */
  clear(): void {
    this.end = 0;
  }

  close(): void {
    closeSync(this.file);
  }

  private take({ number, bytes }: Record, stored: number): void {
    if (number !== stored + this.found.length + 1)
      throw new Damage(`commit ${stored + this.found.length + 1} is missing`);
    this.found.push(decode(bytes) as PackedWrite[]);
  }

  /** A commit that cannot be read is the last; when a later one is anywhere behind it, it was whole once. */
  private refuseGap(last: number): void {
    const rest = this.read(this.end, this.size - this.end);
    for (let at = 1; rest !== null && at + HEAD < rest.byteLength; at++) {
      const number = numberIn(rest, at);
      if (number <= last || number > last + MOST_LATER || this.recordAt(this.end + at) === null) continue;
      throw new Damage(`commit ${last + 1} is not what was written`);
    }
  }

  private recordAt(at: number): Record | null {
    const head = this.read(at, HEAD);
    const length = head?.getUint32(0, true) ?? 0;
    const body = length === 0 ? null : this.read(at + HEAD, length);
    if (head === null || body === null) return null;
    const bytes = new Uint8Array(body.buffer);
    if (head.getUint32(4, true) !== sumOf(head, bytes)) return null;
    return {
      number: numberIn(head, 0),
      bytes,
      end: at + HEAD + length,
    };
  }

  /** Null when the file ends before. */
  private read(at: number, length: number): DataView | null {
    if (at + length > this.size) return null;
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const read = readSync(this.file, bytes, done, length - done, at + done);
      if (read === 0) return null;
      done += read;
    }
    return new DataView(bytes.buffer);
  }

  private grow(to: number): void {
    // There may be room for this commit where there is none for a step.
    const end = this.size < to ? to + STEP : 0;
    try {
      while (this.size < end)
        this.size += writeSync(this.file, ZEROS, 0, Math.min(ZEROS.length, end - this.size), this.size);
    } catch (cause) {
      if (this.size < to) throw cause;
    }
  }

  /** What could not be synced must not be found by the next start. */
  private takeBack(): void {
    try {
      this.write(new Uint8Array(HEAD), this.end);
      this.sync();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new LogError('LOST', `What the command log holds is known only after a restart: ${reason}.`, {
        cause,
      });
    }
  }

  private write(bytes: Uint8Array, at: number): void {
    for (let done = 0; done < bytes.byteLength;)
      done += writeSync(this.file, bytes, done, bytes.byteLength - done, at + done);
  }

  private sync(): void {
    if (!this.relaxed) fdatasyncSync(this.file);
  }
}

/** That the file has a name must outlive a power cut too. */
function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function numberIn(view: DataView, at: number): number {
  return view.getUint32(at + 12, true) * 2 ** 32 + view.getUint32(at + 8, true);
}

function recordOf(number: number, bytes: Uint8Array): Uint8Array {
  const record = new Uint8Array(HEAD + bytes.byteLength);
  const head = new DataView(record.buffer);
  head.setUint32(0, bytes.byteLength, true);
  head.setUint32(8, number >>> 0, true);
  head.setUint32(12, Math.floor(number / 2 ** 32), true);
  head.setUint32(4, sumOf(head, bytes), true);
  record.set(bytes, HEAD);
  return record;
}

/** Over length, number and bytes. */
function sumOf(head: DataView, bytes: Uint8Array): number {
  const length = crc32(new Uint8Array(head.buffer, head.byteOffset, 4));
  return crc32(bytes, crc32(new Uint8Array(head.buffer, head.byteOffset + 8, 8), length));
}
