import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import { readMeta } from './file-meta.js';

/** Bytes the file grows by: rarely, and little enough that the sync that follows is a short one. */
const STEP = 2 * 1024 * 1024;
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
  /** Bytes behind the last page, as far as they are not promised to a transaction. */
  private spare = 0;

  constructor(path: string) {
    this.file = openSync(path, 'r+');
  }

  /** Bytes up to the end of the last page. */
  used(): number {
    const { lastPage, pageSize } = readMeta(this.file);
    return (lastPage + 1) * pageSize;
  }

  /**
   * Makes sure that a transaction can add so many bytes of pages; throws what the file system throws.
   *
   * @param beyond bytes there must be besides, left to others
   */
  reserve(bytes: number, beyond = 0): void {
    if (this.spare < bytes + beyond) this.spare = this.grow(bytes + beyond);
    this.spare -= bytes;
  }

  /** Gives how much is behind the last page now. */
  private grow(bytes: number): number {
    const used = this.used();
    const { size } = fstatSync(this.file);
    if (size >= used + bytes) return size - used;
    try {
      this.fill(size, used + bytes + STEP);
    } catch (cause) {
      // There may be room for this one all the same.
      if (fstatSync(this.file).size < used + bytes) throw cause;
    }
    return fstatSync(this.file).size - used;
  }

  close(): void {
    closeSync(this.file);
  }

  private fill(from: number, to: number): void {
    for (let at = from; at < to;) at += writeSync(this.file, ZEROS, 0, Math.min(ZEROS.length, to - at), at);
  }
}
