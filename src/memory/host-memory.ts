import type { Hpa } from '../bits/address.js';
import { type U64, ZERO } from '../bits/u64.js';
import { Kin } from './kin.js';

/** Frames in one segment: 64 KiB, small enough to copy on write, large enough for a short directory. */
export const SEGMENT_FRAMES_LG2 = 4;
const SEGMENT_FRAMES = 1 << SEGMENT_FRAMES_LG2;
/** 32-bit words in one frame. */
export const FRAME_WORDS = 1024;
const SEGMENT_WORDS = SEGMENT_FRAMES * FRAME_WORDS;

/**
 * A slab lies in one naturally aligned window of 64 MiB and has a power of two of frames: masking a table's
 * address then gives its place in the slab, and the bits masked away tell whether it is there at all.
 */
const WINDOW_FRAMES = 1 << 14;
/** 1 MiB: it grows by doubling from there. */
const FIRST_SLAB_FRAMES = 256;
/** A mebibyte is copied before others get a turn. */
const PIECES_PER_STEP = 16;

/** Consecutive segments. */
type Shelf = (Int32Array | undefined)[];

/**
 * Segments below this number (256 GiB) are found in arrays of 512, the rest in a map. Forks share the arrays
 * as they share the segments.
 */
const DIRECT_SEGMENTS = 1 << 22;
const SHELF_LG2 = 9;
const SHELF = 1 << SHELF_LG2;
const SHELF_FRAMES_LG2 = SEGMENT_FRAMES_LG2 + SHELF_LG2;
const EMPTY_SHELF: Shelf = new Array<Int32Array | undefined>(SHELF).fill(undefined);
/** Frames of those segments: small enough that a shift finds the segment, which a walk does at every level. */
const DIRECT_FRAMES = DIRECT_SEGMENTS << SEGMENT_FRAMES_LG2;

const EMPTY_SEGMENT = new Int32Array(SEGMENT_WORDS);
const NO_SLAB = new DataView(new ArrayBuffer(0));

/**
 * Host physical memory: sparse, zero where nothing was written, 64-bit words stored little-endian as two
 * 32-bit halves.
 *
 * Memory is a directory of 64 KiB segments. A fork shares every segment with its origin until one of the
 * two writes to it, so a fork costs what then changes.
 *
 * Where page tables are to lie, the segments can be pieces of one array, the slab: a walk then finds each
 * table by arithmetic, without looking for its segment first. A fork shares those pieces too, but has no slab:
 * its origin goes on writing in place, having given a copy of the piece to the forks that still hold it.
 */
export class HostMemory {
  private shelves: Shelf[] = new Array<Shelf>(DIRECT_SEGMENTS / SHELF).fill(EMPTY_SHELF);
  /** Shelves this memory may change; all others are shared. */
  private ownShelves = new Set<number>();
  private readonly high = new Map<number, Int32Array>();
  /** Segments this memory may write in place; all others are shared or absent. */
  private owned = new Set<number>();
  /** Segments of the slab nobody has written to: all zero, and not yet had from the operating system. */
  private untouched = new Set<number>();
  /** The segment written last: tables are filled in runs, so it is mostly the next one too. */
  private recentNumber = -1;
  private recentSegment: Int32Array = EMPTY_SEGMENT;
  /**
   * Bytes of frames {@link slabFirst} and following, {@link slabFrames} of them; all can be read and written.
   * A view, because reading through one costs a walk less than an element of a typed array.
   */
  slab: DataView = NO_SLAB;
  slabFirst = 0;
  slabFrames = 0;
  /** Frame the slab may grow to. */
  private slabEnd = 0;
  /** Frame whose window is, or for a fork of such a memory would be, in a slab. */
  private home: number | null = null;
  /** Null as long as there is no fork. */
  private kin: Kin | null = null;
  private readonly holes: ((frame: number) => boolean) | null;
  /** First frame that is not memory. */
  private readonly endFrame: number;

  /**
   * @param limit first address that is not memory; reads at or above it fail, as on an unclaimed bus
   * @param isHole says of a frame below the limit that it cannot be read; for partial dumps
   */
  constructor(
    readonly limit: Hpa,
    isHole: ((frame: number) => boolean) | null = null,
  ) {
    this.holes = isHole;
    this.endFrame = Math.ceil(limit / 4096);
  }

  /** Whether a read of this frame would be answered. */
  isReadable(frame: number): boolean {
    return frame < this.endFrame && (this.holes === null || !this.holes(frame));
  }

  /** The segment holding a frame, for reading only; never-written memory shares one empty segment. */
  segment(frame: number): Int32Array {
    const found =
      frame < DIRECT_FRAMES
        ? this.shelves[frame >>> SHELF_FRAMES_LG2][(frame >>> SEGMENT_FRAMES_LG2) & (SHELF - 1)]
        : this.high.get(Math.floor(frame / SEGMENT_FRAMES));
    return found === undefined ? EMPTY_SEGMENT : found;
  }

  /** The segment holding a frame, for writing; copied first when it is shared with a fork. */
  writableSegment(frame: number): Int32Array {
    const number = Math.floor(frame / SEGMENT_FRAMES);
    if (number === this.recentNumber) return this.recentSegment;
    if (this.isBeyondSlab(frame)) this.growSlab(frame);
    const found = number < DIRECT_SEGMENTS ? this.direct(number) : this.high.get(number);
    if (found !== undefined && this.owned.has(number)) {
      this.recentNumber = number;
      this.recentSegment = found;
      return found;
    }
    this.untouched.delete(number);
    const writable = this.madeWritable(number, found);
    this.own(number, writable);
    this.recentNumber = number;
    this.recentSegment = writable;
    return writable;
  }

  private madeWritable(number: number, found: Int32Array | undefined): Int32Array {
    if (found === undefined) return new Int32Array(SEGMENT_WORDS);
    if (found.buffer !== this.slab.buffer) return found.slice();
    this.kin?.leave(this, number, found);
    return found;
  }

  /** Puts a copy in the place of a segment whose owner is about to write to it. */
  replace(number: number, lent: Int32Array, kept: Int32Array): void {
    if (this.direct(number) === lent) this.putDirect(number, kept);
  }

  /**
   * Keeps the window of a frame, in a memory without holes, in a slab that grows as its frames are written.
   * What a segment held before stays; segments taken out of memory before are not to be used afterwards.
   */
  useSlab(frame: number): void {
    this.dropSlab();
    this.home = frame;
    this.slabFirst = frame - (frame % WINDOW_FRAMES);
    const there = Math.min(this.endFrame, DIRECT_FRAMES) - this.slabFirst;
    let frames = WINDOW_FRAMES;
    while (frames > there && frames > FIRST_SLAB_FRAMES) frames /= 2;
    if (this.holes === null && frames <= there) this.slabEnd = this.slabFirst + frames;
  }

  /**
   * Grows the slab in steps, so that writing the frames up to one will not have to do it at once: most of the time goes
   * into getting the memory. Nothing may be written between two of the steps.
   */
  *reach(frame: number): Generator<undefined, void, undefined> {
    const last = Math.min(frame, this.slabEnd - 1);
    if (this.isBeyondSlab(last)) yield* this.grow(last);
  }

  private growSlab(frame: number): void {
    const steps = this.grow(frame);
    while (steps.next().done !== true);
  }

  private isBeyondSlab(frame: number): boolean {
    return frame < this.slabEnd && frame >= this.slabFirst + this.slabFrames;
  }

  /** Doubles the slab until it holds a frame. Every segment it covers becomes a piece of it. */
  private *grow(frame: number): Generator<undefined, void, undefined> {
    let frames = Math.max(this.slabFrames, FIRST_SLAB_FRAMES);
    while (this.slabFirst + frames <= frame) frames *= 2;
    const slab = new Int32Array(frames * FRAME_WORDS);
    const pieces: Int32Array[] = [];
    for (let at = 0; at < frames; at += SEGMENT_FRAMES) {
      const piece = slab.subarray(at * FRAME_WORDS, (at + SEGMENT_FRAMES) * FRAME_WORDS);
      if (!this.isUntouched(this.slabFirst + at)) copyWritten(this.segment(this.slabFirst + at), piece);
      pieces.push(piece);
      if (pieces.length % PIECES_PER_STEP === 0) yield;
    }
    const first = this.slabFirst / SEGMENT_FRAMES;
    for (const [at, piece] of pieces.entries()) {
      if (!this.isUntouched(this.slabFirst + at * SEGMENT_FRAMES)) this.own(first + at, piece);
      else {
        this.untouched.add(first + at);
        this.putDirect(first + at, piece);
      }
    }
    this.recentNumber = -1;
    this.slab = new DataView(slab.buffer);
    this.slabFrames = frames;
  }

  /** Its pieces stay, as ordinary segments. */
  private dropSlab(): void {
    this.slab = NO_SLAB;
    this.slabFrames = 0;
    this.slabEnd = 0;
  }

  private own(number: number, segment: Int32Array): void {
    this.recentNumber = -1;
    this.owned.add(number);
    if (number < DIRECT_SEGMENTS) this.putDirect(number, segment);
    else this.high.set(number, segment);
  }

  private direct(number: number): Int32Array | undefined {
    return this.shelves[number >>> SHELF_LG2][number & (SHELF - 1)];
  }

  private putDirect(number: number, segment: Int32Array): void {
    const at = number >>> SHELF_LG2;
    if (!this.ownShelves.has(at)) {
      this.shelves[at] = this.shelves[at].slice();
      this.ownShelves.add(at);
    }
    this.shelves[at][number & (SHELF - 1)] = segment;
  }

  /** Index, within its segment, of a frame's first 32-bit word. */
  static firstWord(frame: number): number {
    return (frame % SEGMENT_FRAMES) * FRAME_WORDS;
  }

  /** The 64-bit word at an 8-byte aligned address. Check {@link isReadable} first. */
  load64(address: Hpa): U64 {
    const frame = Math.floor(address / 4096);
    const segment = this.segment(frame);
    if (segment === EMPTY_SEGMENT) return ZERO;
    const word = HostMemory.firstWord(frame) + ((address % 4096) >>> 2);
    return { hi: segment[word + 1] >>> 0, lo: segment[word] >>> 0 };
  }

  /** Stores a 64-bit word at an 8-byte aligned address. */
  store64(address: Hpa, value: U64): void {
    const frame = Math.floor(address / 4096);
    const segment = this.writableSegment(frame);
    const word = HostMemory.firstWord(frame) + ((address % 4096) >>> 2);
    segment[word] = value.lo;
    segment[word + 1] = value.hi;
  }

  /** The 32-bit word at a 4-byte aligned address. */
  load32(address: Hpa): number {
    const frame = Math.floor(address / 4096);
    return this.segment(frame)[HostMemory.firstWord(frame) + ((address % 4096) >>> 2)] >>> 0;
  }

  /** Stores a 32-bit word at a 4-byte aligned address. */
  store32(address: Hpa, value: number): void {
    const frame = Math.floor(address / 4096);
    this.writableSegment(frame)[HostMemory.firstWord(frame) + ((address % 4096) >>> 2)] = value;
  }

  /** Copies bytes out; the range may span frames. */
  readBytes(address: Hpa, length: number): Uint8Array {
    const out = new Uint8Array(length);
    this.eachPiece(address, length, (frame, offset, at, count) => {
      const segment = this.segment(frame);
      const first = segment.byteOffset + HostMemory.firstWord(frame) * 4;
      out.set(new Uint8Array(segment.buffer, first + offset, count), at);
    });
    return out;
  }

  /** Copies bytes in; the range may span frames. */
  writeBytes(address: Hpa, bytes: Uint8Array): void {
    this.eachPiece(address, bytes.length, (frame, offset, at, count) => {
      const segment = this.writableSegment(frame);
      const first = segment.byteOffset + HostMemory.firstWord(frame) * 4;
      new Uint8Array(segment.buffer).set(bytes.subarray(at, at + count), first + offset);
    });
  }

  /** Whether nobody ever wrote to the segment of a frame. */
  private isUntouched(frame: number): boolean {
    return (
      this.segment(frame) === EMPTY_SEGMENT ||
      (this.untouched.size > 0 && this.untouched.has(Math.floor(frame / SEGMENT_FRAMES)))
    );
  }

  /** Fills a frame with zeros. */
  clearFrame(frame: number): void {
    if (this.isUntouched(frame)) return;
    const first = HostMemory.firstWord(frame);
    this.writableSegment(frame).fill(0, first, first + FRAME_WORDS);
  }

  /** Fills frames that follow each other with zeros; many that were never written cost little. */
  clearFrames(first: number, count: number): void {
    for (let frame = first; frame < first + count;) {
      const next = Math.min(first + count, frame - (frame % SEGMENT_FRAMES) + SEGMENT_FRAMES);
      if (!this.isUntouched(frame)) {
        const word = HostMemory.firstWord(frame);
        this.writableSegment(frame).fill(0, word, word + (next - frame) * FRAME_WORDS);
      }
      frame = next;
    }
  }

  /** A second memory with the same contents; both go on independently. */
  fork(): HostMemory {
    const copy = new HostMemory(this.limit, this.holes);
    copy.shelves = this.shelves.slice();
    this.ownShelves = new Set();
    for (const [number, segment] of this.high) copy.high.set(number, segment);
    copy.home = this.home;
    copy.untouched = new Set(this.untouched);
    if (this.kin === null) {
      this.kin = new Kin();
      this.kin.add(this);
    }
    copy.kin = this.kin;
    this.kin.add(copy);
    this.owned = new Set();
    this.recentNumber = -1;
    return copy;
  }

  /** What {@link useSlab} was told, here or in the memory this is a fork of; null when it was not called. */
  get slabHome(): number | null {
    return this.home;
  }

  /** Every segment ever written, in address order: its first frame and its words. */
  *segments(): Generator<{ firstFrame: number; words: Int32Array }> {
    for (const number of this.written()) {
      const firstFrame = number * SEGMENT_FRAMES;
      yield { firstFrame, words: this.segment(firstFrame) };
    }
  }

  /**
   * Every frame that holds anything, in address order; one that was cleared again is as one never written. Whoever takes
   * them in several goes gets this memory, whatever its relatives write meanwhile; each is to be read before the next.
   */
  *writtenFrames(): Generator<{ frame: number; bytes: Uint8Array }> {
    for (const number of this.written()) {
      for (let at = 0; at < SEGMENT_FRAMES; at++) {
        const frame = number * SEGMENT_FRAMES + at;
        // Looked up for each: a relative that writes puts a copy in its place.
        const words = this.segment(frame);
        if (isClear(words, at * FRAME_WORDS)) continue;
        yield { frame, bytes: new Uint8Array(words.buffer, words.byteOffset + at * 4096, 4096) };
      }
    }
  }

  /** Numbers of the segments that were written, in order. */
  private *written(): Generator<number> {
    for (let at = 0; at < this.shelves.length; at++) {
      if (this.shelves[at] === EMPTY_SHELF) continue;
      for (let number = at * SHELF; number < (at + 1) * SHELF; number++) {
        if (this.direct(number) !== undefined && !this.untouched.has(number)) yield number;
      }
    }
    yield* [...this.high.keys()].sort((a, b) => a - b);
  }

  private eachPiece(
    address: Hpa,
    length: number,
    visit: (frame: number, offset: number, at: number, count: number) => void,
  ): void {
    for (let at = 0; at < length;) {
      const frame = Math.floor((address + at) / 4096);
      const offset = (address + at) % 4096;
      const count = Math.min(4096 - offset, length - at);
      visit(frame, offset, at, count);
      at += count;
    }
  }
}

/** Whether the frame that begins at a word holds nothing. */
function isClear(words: Int32Array, first: number): boolean {
  for (let at = first; at < first + FRAME_WORDS; at++) if (words[at] !== 0) return false;
  return true;
}

/** Frames that are all zero are not copied: what nobody writes to takes no memory of the machine we run on. */
function copyWritten(from: Int32Array, to: Int32Array): void {
  for (let first = 0; first < SEGMENT_WORDS; first += FRAME_WORDS) {
    let word = first;
    while (word < first + FRAME_WORDS && from[word] === 0) word++;
    if (word < first + FRAME_WORDS) to.set(from.subarray(first, first + FRAME_WORDS), first);
  }
}
