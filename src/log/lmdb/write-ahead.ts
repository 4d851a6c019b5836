import { closeSync, constants, fstatSync, openSync, write } from 'node:fs';
import { pack } from '../codec.js';
import { LogError } from '../log-error.js';
import { HEAD, sealRecord } from './ahead-record.js';
import type { PackedWrite } from './packed.js';

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
  private image: Uint8Array<ArrayBuffer> = new Uint8Array(64 * 1024);
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
  async append(writes: readonly PackedWrite[]): Promise<void> {
    const bytes = pack(writes);
    const end = this.end + HEAD + bytes.byteLength;
    this.makeRoom(end);
    this.image.set(bytes, this.end + HEAD);
    const record = this.image.subarray(this.end, end);
    sealRecord(record, this.count + 1);
    if (this.size < end) await this.grow(end);
    try {
      await this.write(record, this.end);
    } catch (cause) {
      await this.takeBack();
      throw cause;
    }
    this.end = end;
    this.count++;
  }

  /** The records of durable commits that were not taken before; null when there are none. */
  take(): Uint8Array<ArrayBuffer> | null {
    if (this.untaken === 0) return null;
    const records = this.image.slice(this.taken, this.end);
    this.taken = this.end;
    return records;
  }

  /** To be called when all of them are in the database, and that is on the disk. */
  clear(): void {
    this.end = 0;
    this.taken = 0;
    if (this.image.byteLength > MOST_KEPT) this.image = new Uint8Array(MOST_KEPT);
  }

  close(): void {
    closeSync(this.file);
  }

  private makeRoom(bytes: number): void {
    if (bytes <= this.image.byteLength) return;
    const image = new Uint8Array(Math.max(bytes, 2 * this.image.byteLength));
    image.set(this.image);
    this.image = image;
  }

  private async grow(to: number): Promise<void> {
    const end = to + STEP;
    try {
      while (this.size < end) {
        await this.write(ZEROS.subarray(0, end - this.size), this.size);
        this.size = Math.min(end, this.size + ZEROS.byteLength);
      }
    } catch (cause) {
      // There may be room for this commit where there is none for a step.
      this.size = fstatSync(this.file).size;
      if (this.size < to) throw cause;
    }
  }

  /** What could not be synced must not be found by the next start. */
  private async takeBack(): Promise<void> {
    try {
      await this.write(ZEROS.subarray(0, HEAD), this.end);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new LogError('LOST', `What the command log holds is known only after a restart: ${reason}.`, {
        cause,
      });
    }
  }

  /** With a plain callback: a promise of the file system's costs as much as the commit. */
  private write(bytes: Uint8Array, at: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let done = 0;
      const go = () => {
        write(this.file, bytes, done, bytes.byteLength - done, at + done, (cause, written) => {
          if (cause !== null) return reject(cause);
          done += written;
          if (done < bytes.byteLength) go();
          else resolve();
        });
      };
      go();
    });
  }
}
