import { closeSync, constants, fstatSync, openSync, write } from 'node:fs';
import { LogError } from '../log-error.js';
import type { Write } from '../store.js';
import { HEAD, sealRecord } from './ahead-record.js';
import { putWrites } from './ahead-writes.js';
import { Image, memory } from './image.js';

/** Bytes the file grows by; a file that does not grow is synced sooner, and a full disk is met here. */
const STEP = 4 * 1024 * 1024;
const ZEROS = memory(256 * 1024);
/** The file is written in whole blocks of so many bytes; past the system's cache that must be. */
const BLOCK = 4096;
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
  private file: number;
  /** Whether it is written past the system's cache. */
  private isDirect: boolean;
  /** Whole blocks only. */
  private size: number;
  private end = 0;
  /** What the file holds up to its end, and then the commit under way. */
  private readonly image = new Image(MOST_KEPT);
  private taken = 0;

  /**
   * @param count number of the last commit; all up to it are in the database
   * @param relaxed whether not to wait for the disk
   */
  constructor(
    private readonly path: string,
    private count: number,
    private readonly relaxed: boolean,
  ) {
    // The cache takes a tenth of a commit's time; what waits for no disk stays there.
    this.isDirect = !relaxed;
    this.file = this.open();
    this.size = blocksIn(fstatSync(this.file).size);
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
    this.image.reserve(blocksOf(end));
    sealRecord(this.image, this.end, end, this.count + 1);
    return this.size < end ? this.grow(blocksOf(end)).then(() => this.store(end)) : this.store(end);
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
      this.size = blocksIn(fstatSync(this.file).size);
      if (this.size < to) throw cause;
    }
  }

  /** Writes the record that ends there. */
  private store(end: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.writeBlocks(this.end, end, (cause) => {
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
    this.image.bytes.fill(0, this.end, this.end + HEAD);
    this.writeBlocks(this.end, this.end + HEAD, (another) => {
      if (another === null) return reject(cause);
      const message = `What the command log holds is known only after a restart: ${another.message}.`;
      reject(new LogError('LOST', message, { cause: another }));
    });
  }

  /** What shares the first block is written again as it is; what follows in the last is of no commit. */
  private writeBlocks(from: number, to: number, done: (cause: Error | null) => void): void {
    const begin = blocksIn(from);
    this.write(this.image.bytes, begin, blocksOf(to) - begin, begin, done);
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
      if (cause?.code === 'EINVAL' && this.isDirect) {
        this.useCache();
        this.write(bytes, from, length, at, done);
      } else if (cause !== null || written === length) done(cause);
      else this.write(bytes, from + written, length - written, at + written, done);
    });
  }

  /** Where a disk has larger blocks, or memory does not begin where one does. */
  private useCache(): void {
    this.isDirect = false;
    closeSync(this.file);
    this.file = this.open();
  }

  private open(): number {
    // Each write is a wait of its own: one call does what a write and an `fdatasync` do.
    const flags = constants.O_RDWR | (this.relaxed ? 0 : constants.O_DSYNC);
    try {
      return openSync(this.path, flags | (this.isDirect ? constants.O_DIRECT : 0));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EINVAL' || !this.isDirect) throw cause;
      // The file system cannot do without its cache.
      this.isDirect = false;
      return openSync(this.path, flags);
    }
  }
}

/** Bytes of the whole blocks among so many bytes. */
function blocksIn(bytes: number): number {
  return bytes - (bytes % BLOCK);
}

/** Bytes of the blocks that so many bytes take. */
function blocksOf(bytes: number): number {
  return blocksIn(bytes + BLOCK - 1);
}
