import type { CommandLog } from '../log/port.js';
import type { LoggedCommand } from './command.js';
import type { PlatformEvent } from './event-journal.js';
import { type Applied, Platform } from './platform.js';
import { replay } from './replay.js';
import { TimeSlice } from './time-slice.js';

/** Moments of platforms kept ready; each is a whole machine. */
const KEPT_MOMENTS = 4;

/** A command with its place in the log. */
export interface LogRevision {
  readonly revision: number;
  readonly logged: LoggedCommand;
}

/** Is called at each event of a command that is done again. */
export type OnLooker = (platform: Platform, event: PlatformEvent, sequence: number) => void;

interface Moment {
  readonly origin: Platform;
  readonly revision: number;
  readonly platform: Promise<Platform>;
}

/**
 * Platforms as they stood earlier, built again from header and log. A moment asked for again is kept
 * ready for a while, and those who ask for one that is being built wait together.
 */
export class History {
  /** Least recently asked for first. */
  private moments: Moment[] = [];
  /** A second self of the platform that was planned on last, so that the next plan need not start at boot. */
  private spare: Moment | null = null;

  constructor(private readonly log: CommandLog) {}

  /**
   * A platform as it stood right after a revision; null when that lies ahead or the platform is gone.
   * It is shared: look, do not touch.
   */
  async at(origin: Platform, revision: number): Promise<Platform | null> {
    if (revision < 0 || revision > origin.revision) return null;
    const known = this.moments.find((one) => one.origin === origin && one.revision === revision);
    const moment = known ?? { origin, revision, platform: this.build(origin, revision) };
    this.moments = [...this.moments.filter((one) => one !== moment), moment].slice(-KEPT_MOMENTS);
    try {
      return await moment.platform;
    } catch (error) {
      this.moments = this.moments.filter((one) => one !== moment);
      if (origin.isClosed) return null;
      throw error;
    }
  }

  /** A second self of a platform as it stands now, for the caller to change and drop. */
  async replica(origin: Platform): Promise<Platform> {
    const { spare } = this;
    const { revision } = origin;
    this.spare = null;
    let platform: Platform;
    if (spare !== null && spare.origin === origin) {
      platform = await spare.platform;
      await replay(this.log, platform, revision);
    } else {
      platform = await this.build(origin, revision);
    }
    this.prepareSpare(origin);
    return platform;
  }

  /** What a command did, done again on a second self. */
  async applied(origin: Platform, revision: number): Promise<Applied> {
    let last: Applied | null = null;
    await replay(this.log, new Platform(origin.header), revision, (_logged, applied) => (last = applied));
    if (last === null) throw new Error(`the log of ${origin.name} has no revision ${revision}`);
    return last;
  }

  /**
   * Does the command of a revision again on a second self, under someone's eyes: called in the middle of the
   * command, the onlooker finds the platform as it stood at that event. Nothing, when the platform is gone.
   */
  async relive(origin: Platform, revision: number, see: OnLooker): Promise<void> {
    try {
      const platform = await this.build(origin, revision - 1);
      platform.onEvent = (event, sequence) => see(platform, event, sequence);
      await replay(this.log, platform, revision);
    } catch (error) {
      if (!origin.isClosed) throw error;
    }
  }

  /** The commands of a platform from one revision to another, both included. */
  async *commands(origin: Platform, from: number, to: number): AsyncGenerator<LogRevision> {
    if (from > to) return;
    const slice = new TimeSlice();
    for await (const { revision, entry } of this.log.read(origin.name, from)) {
      yield { revision, logged: entry as LoggedCommand };
      if (revision >= to) return;
      if (slice.isOver) await slice.step();
    }
  }

  /** Drops what is kept of a platform that was deleted. */
  forget(origin: Platform): void {
    this.moments = this.moments.filter((one) => one.origin !== origin);
    if (this.spare?.origin === origin) this.spare = null;
  }

  private prepareSpare(origin: Platform): void {
    if (this.spare !== null || origin.isClosed) return;
    const platform = this.build(origin, origin.revision);
    const spare: Moment = { origin, revision: origin.revision, platform };
    this.spare = spare;
    platform.catch(() => {
      // The platform or its log went away meanwhile; who needs a replica will hear of it.
      if (this.spare === spare) this.spare = null;
    });
  }

  private async build(origin: Platform, revision: number): Promise<Platform> {
    const platform = new Platform(origin.header);
    await replay(this.log, platform, revision);
    if (platform.revision !== revision) {
      throw new Error(`the log of ${origin.name} ends at ${platform.revision}, before ${revision}`);
    }
    return platform;
  }
}
