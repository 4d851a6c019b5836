import { closeSync, constants, fstatSync, openSync, write } from 'node:fs';
import { LogError } from '../log-error.js';
import type { Write } from '../store.js';
import { HEAD, sealRecord } from './ahead-record.js';
import { putWrites } from './ahead-writes.js';
import { Image } from './image.js';

/** Bytes the file grows by; a file that does not grow is synced sooner, and a full disk is met here. */
const STEP = 4 * 1024 * 1024;
const ZEROS = new Uint8Array(256 * 1024);
/** Bytes of memory that are kept for the next commits. */
const MOST_KEPT = 4 * 1024 * 1024;

/**
 * Makes commits durable: one after the other in a file, each on the disk after one wait, where the database takes two,
 * for its pages and then for their root. When they are in the database, the file begins anew. Commits are numbered, so
 * that a start knows which are (`ahead-found.ts`).
 *
 * Written by the process's pool of threads, one call a commit: the event loop never waits for the disk, and a thread of
 * our own takes longer to be told and to tell.
 */
export class WriteAhead {
  private readonly file: number;
  private size: number;
  private end = 0;
  /** What the file holds up to its end, and then the commit under way. */
  private readonly image = new Image(64 * 1024);
  private taken = 0;

  /**
   * @param count number of the last commit; all up to it are in the database
   * @param relaxed whether not to wait for the disk
   */
  constructor(
    path: string,
    private count: number,
    relaxed: boolean,
  ) {
    // Each write is a wait of its own: one call does what a write and an `fdatasync` do.
    this.file = openSync(path, constants.O_RDWR | (relaxed ? 0 : constants.O_DSYNC));
    this.size = fstatSync(this.file).size;
  }

  /** Bytes of the commits in the file. */
  get bytes(): number {
    return this.end;
  }

  /** Bytes of those that were not taken. */
  get untaken(): number {
    return this.end - this.taken;
  }

  /** Makes a commit durable; one call at a time. When it rejects, it is not there; with `LOST` that is not known. */
  append(writes: readonly Write[]): Promise<void> {
    this.image.reserve(this.end + HEAD);
    const end = putWrites(this.image, this.end + HEAD, writes);
    sealRecord(this.image, this.end, end, this.count + 1);
    return this.size < end ? this.grow(end).then(() => this.store(end)) : this.store(end);
  }

  /** The records of durable commits that were not taken before; null when there are none. */
  take(): Uint8Array<ArrayBuffer> | null {
    if (this.untaken === 0) return null;
    const records = this.image.bytes.slice(this.taken, this.end);
    this.taken = this.end;
    return records;
  }

  /** To be called when all of them are in the database, and that is on the disk. */
  clear(): void {
    this.end = 0;
    this.taken = 0;
    this.image.shrink(MOST_KEPT);
  }

  close(): void {
    closeSync(this.file);
  }

  private async grow(to: number): Promise<void> {
    const end = to + STEP;
    try {
      while (this.size < end) {
        const length = Math.min(ZEROS.byteLength, end - this.size);
        await new Promise<void>((resolve, reject) => {
          this.write(ZEROS, 0, length, this.size, (cause) => (cause === null ? resolve() : reject(cause)));
        });
        this.size += length;
      }
    } catch (cause) {
      // There may be room for this commit where there is none for a step.
      this.size = fstatSync(this.file).size;
      if (this.size < to) throw cause;
    }
  }

  /** Writes the record that goes up to there. */
  private store(end: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.write(this.image.bytes, this.end, end - this.end, this.end, (cause) => {
        if (cause !== null) {
          this.takeBack(cause, reject);
          return;
        }
        this.end = end;
        this.count++;
        resolve();
      });
    });
  }

  /** What could not be synced must not be found by the next start. */
  private takeBack(cause: Error, reject: (cause: Error) => void): void {
    this.write(ZEROS, 0, HEAD, this.end, (another) => {
      if (another === null) return reject(cause);
      const message = `What the command log holds is known only after a restart: ${another.message}.`;
      reject(new LogError('LOST', message, { cause: another }));
    });
  }

  /** With a plain callback: a promise of the file system's costs as much as the commit. */
  private write(
    bytes: Uint8Array,
    from: number,
    length: number,
    at: number,
    done: (cause: Error | null) => void,
  ): void {
    write(this.file, bytes, from, length, at, (cause, written) => {
      if (cause !== null || written === length) done(cause);
      else this.write(bytes, from + written, length - written, at + written, done);
    });
  }
}
