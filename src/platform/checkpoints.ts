import { copyPlatform } from './image/copy.js';
import { EqualBuffers } from './image/equal-buffers.js';
import type { Platform } from './platform.js';

/** Commands between two checkpoints of a young platform: a tenth of a second's replay. */
const SHORTEST_INTERVAL = 8192;
/** Checkpoints of one platform; each holds what it does not share with its neighbours. */
const MOST = 32;

interface Track {
  interval: number;
  /** In order of revision; the first right after boot, or after what the platform was read back from. */
  kept: Platform[];
  /** Of the newest. */
  buffers: EqualBuffers;
}

/**
 * Second selves of platforms taken while they live, from which earlier moments are reached by few commands.
 * They are evenly spaced; when there are too many of a platform, every other one goes and the space doubles,
 * so that taking them costs a platform less and less. Each holds what it does not share with the one before.
 */
export class Checkpoints {
  private readonly tracks = new WeakMap<Platform, Track>();

  /** To be called whenever a platform was made or has had a command. */
  note(platform: Platform): void {
    const track = this.tracks.get(platform);
    if (track === undefined) {
      const buffers = new EqualBuffers(null);
      const kept = [copyPlatform(platform, platform.header, buffers)];
      this.tracks.set(platform, { interval: SHORTEST_INTERVAL, kept, buffers });
      return;
    }
    if (platform.revision % track.interval !== 0) return;
    track.buffers = new EqualBuffers(track.buffers);
    add(track, track.kept.length, copyPlatform(platform, platform.header, track.buffers));
  }

  /**
   * To be called at each command of a second self that is replayed from boot or from a snapshot, because the platform was
   * read back and has no checkpoint so early: who looks there next need not begin there again.
   */
  fillIn(platform: Platform, earlier: Platform): void {
    const track = this.tracks.get(platform);
    if (track === undefined || earlier.revision % track.interval !== 0) return;
    const at = track.kept.findIndex(({ revision }) => revision >= earlier.revision);
    if (at >= 0 && track.kept[at].revision > earlier.revision) add(track, at, copyPlatform(earlier));
  }

  /** The last one taken at a revision or before; not to be changed. Null when there is none. */
  before(platform: Platform, revision: number): Platform | null {
    return this.tracks.get(platform)?.kept.findLast((each) => each.revision <= revision) ?? null;
  }
}

function add(track: Track, at: number, checkpoint: Platform): void {
  track.kept.splice(at, 0, checkpoint);
  if (track.kept.length <= MOST) return;
  track.interval *= 2;
  track.kept = track.kept.filter((each, index) => index === 0 || each.revision % track.interval === 0);
}
