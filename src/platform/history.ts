import type { CommandLog } from '../log/port.js';
import type { LoggedCommand } from './command.js';
import type { PlatformEvent } from './event-journal.js';
import { Checkpoints } from './checkpoints.js';
import { NotFoundError } from './errors.js';
import { FewOfEach } from './few-at-once.js';
import { goneError, isGone } from './gone.js';
import { copyPlatform } from './image/copy.js';
import { inSlices, inTheMidst, untilWhole } from './in-slices.js';
import { type Applied, Platform, type PlatformHeader } from './platform.js';
import { replay } from './replay.js';
import type { Snapshots } from './snapshots.js';
import { background } from './time-slice.js';

/** Moments of platforms kept ready; each is a whole machine. */
const KEPT_MOMENTS = 4;

/** A command with its place in the log. */
export interface LogRevision {
  readonly revision: number;
  readonly logged: LoggedCommand;
}

/** Is called at each event of a command that is done again. */
export type OnLooker = (event: PlatformEvent, sequence: number) => void;
/** Gets a platform as it stood before a command, to read what takes long, and gives who looks on. */
export type Prepare = (platform: Platform) => Promise<OnLooker>;

interface Moment {
  readonly origin: Platform;
  readonly revision: number;
  readonly platform: Promise<Platform>;
}

/**
 * Platforms as they stood earlier: copies of the nearest checkpoint before, or the nearest snapshot, taken on by the
 * commands in the log. A moment asked for again is kept ready for a while, and those who ask for one that is being built wait
 * together.
 */
export class History {
  /** Least recently asked for first. */
  private moments: Moment[] = [];
  private readonly checkpoints = new Checkpoints();
  /** A query can ask for a thousand moments; so many machines at once have no room in memory. */
  private readonly replays = new FewOfEach<Platform>(KEPT_MOMENTS);

  constructor(
    private readonly log: CommandLog,
    private readonly snapshots: Snapshots | null,
  ) {}

  /**
   * A platform as it stood right after a revision; null when that lies ahead or the platform is gone.
   * It is shared: look, do not touch.
   */
  async at(origin: Platform, revision: number): Promise<Platform | null> {
    if (revision < 0 || revision > origin.revision) return null;
    try {
      return await this.moment(origin, revision);
    } catch (error) {
      if (error instanceof NotFoundError) return null;
      throw error;
    }
  }

  private async moment(origin: Platform, revision: number): Promise<Platform> {
    const known = this.moments.find((one) => one.origin === origin && one.revision === revision);
    const moment = known ?? { origin, revision, platform: this.build(origin, revision) };
    this.moments = [...this.moments.filter((one) => one !== moment), moment].slice(-KEPT_MOMENTS);
    try {
      return await moment.platform;
    } catch (error) {
      this.moments = this.moments.filter((one) => one !== moment);
      throw error;
    }
  }

  /** A second self of a platform as it stood right after a revision, for the caller to change and drop. */
  async copyAt(
    origin: Platform,
    revision: number,
    header: PlatformHeader = origin.header,
  ): Promise<Platform> {
    if (revision === origin.revision && inTheMidst(origin) === null) return copyPlatform(origin, header);
    return copyPlatform(await this.moment(origin, revision), header);
  }

  /** To be called whenever a platform was made or has had a command: the past begins there. */
  note(platform: Platform): void {
    this.checkpoints.note(platform);
  }

  /** What a command did, done again on a second self. */
  async applied(origin: Platform, revision: number): Promise<Applied> {
    let last: Applied | null = null;
    const platform = await this.build(origin, revision - 1);
    await replay(this.log, platform, revision, (_logged, applied) => (last = applied));
    if (last === null) throw new Error(`the log of ${origin.name} has no revision ${revision}`);
    return last;
  }

  /**
   * Does the command of a revision again on a second self, under someone's eyes: called in the middle of the
   * command, the onlooker finds the platform as it stood at that event. Nothing, when the platform is gone.
   */
  async relive(origin: Platform, revision: number, prepare: Prepare): Promise<void> {
    try {
      const platform = await this.build(origin, revision - 1);
      platform.onEvent = await prepare(platform);
      await replay(this.log, platform, revision);
    } catch (error) {
      if (!(error instanceof NotFoundError || isGone(origin, error))) throw error;
    }
  }

  /** The commands of a platform from one revision to another, both included; no more when it is gone. */
  async *commands(origin: Platform, from: number, to: number): AsyncGenerator<LogRevision> {
    if (from > to) return;
    try {
      for await (const { revision, entry } of this.log.read(origin.name, from)) {
        yield { revision, logged: entry as LoggedCommand };
        if (revision >= to) return;
        const pause = background.next();
        if (pause !== null) await pause;
      }
    } catch (error) {
      if (!isGone(origin, error)) throw error;
    }
  }

  /** Drops what is kept of a platform that was deleted. */
  forget(origin: Platform): void {
    this.moments = this.moments.filter((one) => one.origin !== origin);
  }

  private async build(origin: Platform, revision: number): Promise<Platform> {
    if (revision === origin.revision && inTheMidst(origin) !== null) await untilWhole(origin);
    const platform =
      revision === origin.revision ? copyPlatform(origin) : await this.replayed(origin, revision);
    // Its name may be another one's since, and what was read that one's log.
    if (origin.isClosed) throw goneError(origin);
    if (platform.revision !== revision) {
      throw new Error(`the log of ${origin.name} ends at ${platform.revision}, before ${revision}`);
    }
    return platform;
  }

  /** An earlier moment, in its turn. */
  private async replayed(origin: Platform, revision: number): Promise<Platform> {
    return this.replays.run(origin, async () => {
      await background.next();
      return this.replayedFrom(origin, revision).catch((error: unknown) => {
        throw isGone(origin, error) ? goneError(origin) : error;
      });
    });
  }

  /** An earlier moment, from the nearest place before it that is worth its price. */
  private async replayedFrom(origin: Platform, revision: number): Promise<Platform> {
    const nearest = this.checkpoints.before(origin, revision);
    const saved = (await this.snapshots?.before(origin, revision, nearest?.revision ?? 0)) ?? null;
    const platform = saved ?? (nearest === null ? await bootedAgain(origin.header) : copyPlatform(nearest));
    const leaveCheckpoints = () => this.checkpoints.fillIn(origin, platform);
    const isFirst = saved !== null || nearest === null;
    if (isFirst) leaveCheckpoints();
    await replay(this.log, platform, revision, isFirst ? leaveCheckpoints : null);
    return platform;
  }
}

async function bootedAgain(header: PlatformHeader): Promise<Platform> {
  return inSlices(Platform.inSteps(header), background);
}
