import type { CommandLog } from '../log/port.js';
import { type Applied, Platform } from './platform.js';
import { replay } from './replay.js';

/** Moments of platforms kept ready; each is a whole machine. */
const KEPT_MOMENTS = 4;

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
