import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import { readMeta } from './file-meta.js';

/** Bytes the file grows by: rarely, and little enough that the sync that follows is a short one. */
const STEP = 1024 * 1024;
const ZEROS = new Uint8Array(256 * 1024);

/**
 * Room for what LMDB is about to write, made beforehand by writing zeros behind its last page.
 *
 * A full disk is met here, where a failed write is an exception and nothing else. Where LMDB itself meets one, it
 * prints its message over the end of a buffer (100 bytes in `mdb_page_flush`, lmdb 3.5.6), and the process may end.
 * A file that does not grow is also synced sooner.
 */
export class Room {
  private readonly file: number;

  constructor(path: string) {
    this.file = openSync(path, 'r+');
  }

  /** Bytes up to the end of the last page. */
  used(): number {
    const { lastPage, pageSize } = readMeta(this.file);
    return (lastPage + 1) * pageSize;
  }

  /** Makes sure that a transaction can add so many bytes of pages; throws what the file system throws. */
  reserve(bytes: number): void {
    const needed = this.used() + bytes;
    const { size } = fstatSync(this.file);
    if (size >= needed) return;
    try {
      this.fill(size, needed + STEP);
    } catch (cause) {
      // There may be room for this one all the same.
      if (fstatSync(this.file).size < needed) throw cause;
    }
  }

  close(): void {
    closeSync(this.file);
  }

  private fill(from: number, to: number): void {
    for (let at = from; at < to;) at += writeSync(this.file, ZEROS, 0, Math.min(ZEROS.length, to - at), at);
  }
}
