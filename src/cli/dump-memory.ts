import { FRAME_WORDS, HostMemory, SEGMENT_FRAMES_LG2 } from '../memory/host-memory.js';

const SEGMENT_FRAMES = 1 << SEGMENT_FRAMES_LG2;
/** First address no table entry can name. */
const END_OF_ADDRESSES = 2 ** 52;

/** A page of a dump: its frame number and its bytes. */
export interface DumpPage {
  readonly frame: number;
  readonly bytes: Uint8Array;
}

/**
 * The pages of a machine's memory that a dump kept. Every other frame is a hole, so that a walk can tell
 * what it does not know from what the tables refuse.
 *
 * Tables lie scattered over the whole of a machine, one to a segment at worst. Frames of different
 * segments share one here, as long as they do not claim the same place in it: a dump then takes about as
 * much memory as it has pages.
 */
export class DumpMemory extends HostMemory {
  private readonly homes: ReadonlyMap<number, Int32Array>;

  private constructor(homes: ReadonlyMap<number, Int32Array>) {
    super(END_OF_ADDRESSES, (frame) => !homes.has(frame));
    this.homes = homes;
  }

  static of(pages: Iterable<DumpPage>): DumpMemory {
    const segments: Int32Array[] = [];
    /** How many segments have each place taken. */
    const taken = new Uint32Array(SEGMENT_FRAMES);
    const homes = new Map<number, Int32Array>();
    for (const { frame, bytes } of pages) {
      const known = homes.get(frame);
      const home = known ?? (segments[taken[frame % SEGMENT_FRAMES]++] ??= emptySegment());
      homes.set(frame, home);
      new Uint8Array(home.buffer).set(bytes, HostMemory.firstWord(frame) * 4);
    }
    return new DumpMemory(homes);
  }

  /** Pages kept. */
  get pages(): number {
    return this.homes.size;
  }

  override segment(frame: number): Int32Array {
    return this.homes.get(frame) ?? super.segment(frame);
  }

  override writableSegment(frame: number): Int32Array {
    return this.homes.get(frame) ?? super.writableSegment(frame);
  }
}

function emptySegment(): Int32Array {
  return new Int32Array(SEGMENT_FRAMES * FRAME_WORDS);
}
