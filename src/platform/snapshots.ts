import { setTimeout } from 'node:timers/promises';
import { LogError } from '../log/log-error.js';
import type { CommandLog } from '../log/port.js';
import type { RequestMemory } from './idempotency.js';
import { inTheMidst, untilWhole } from './in-slices.js';
import { copyPlatform } from './image/copy.js';
import { KEPT_EVENTS, type Platform, type PlatformHeader } from './platform.js';
import { Pace } from './snapshot-pace.js';
import { type Restored, readSnapshot, writePieces } from './snapshot-pieces.js';
import { thinned } from './snapshot-thinning.js';

export interface SnapshotSettings {
  /** Tells this program from any other, see `program.ts`: another one may come to something else. */
  readonly program: string;
  /** Commands between two snapshots at least; {@link FEWEST} when left out. */
  readonly interval?: number;
  /** Told, in one sentence, of a snapshot that could not be written or read. */
  readonly warn: (message: string) => void;
}

/** Commands that are replayed in about a second: a snapshot saves less than that. */
const FEWEST = 20_000;
/**
 * An image grows with the life of a platform, and so does the space between two, so that writing them costs a
 * command about the same however many there were; up to what is replayed in a second or two.
 */
const SHARE = 1 / 8;
const MOST = 100_000;
/** How long an end of the server waits for snapshots. */
const LAST_MS = 3000;

/** Name of what can be read back as it would be replayed: by the same program, keeping as many events. */
export function labelOf(program: string, keptEvents: number | null): string {
  return `${program} ${keptEvents ?? KEPT_EVENTS}`;
}

/** Reading an image takes about this part of what a replay from boot up to it takes. */
const READING = 1 / 8;

/**
 * Images of platforms in the log, written one at a time while they live, so that neither a start nor a look at an
 * earlier moment need replay everything. The log remains the truth: what cannot be written or read is told and done
 * without.
 */
export class Snapshots {
  /** Revision of the newest, written or tried. */
  private readonly newest = new WeakMap<Platform, number>();
  /** Revisions of those that can be read, as far as is known; in order. */
  private readonly kept = new WeakMap<Platform, readonly number[]>();
  /** Platforms that are to have one, in the order in which they came to it. */
  private readonly due = new Map<Platform, RequestMemory>();
  private saving: Promise<void> | null = null;
  private readonly pace = new Pace();
  private readonly label: string;

  constructor(
    private readonly log: CommandLog,
    private readonly settings: SnapshotSettings,
    keptEvents: number | null,
  ) {
    this.label = labelOf(settings.program, keptEvents);
  }

  private get fewest(): number {
    return this.settings.interval ?? FEWEST;
  }

  /** To be called whenever a platform has had a command, or was read back. */
  note(platform: Platform, requests: RequestMemory): void {
    this.pace.command();
    const interval = Math.max(this.fewest, Math.min(MOST, platform.revision * SHARE));
    if (this.behind(platform) < interval) return;
    this.due.set(platform, requests);
    this.saving ??= this.saveAll();
  }

  /** To be awaited before a command, when it gives something to wait for: the snapshot under way comes first. */
  turn(): Promise<void> | null {
    return this.pace.turn();
  }

  /** To be called when a platform was deleted. */
  forget(platform: Platform): void {
    this.due.delete(platform);
  }

  /**
   * Finishes what is under way, and takes a last one of platforms that had many commands since the newest; for a
   * moment at most, after which the log can be closed all the same.
   */
  async finish(
    platforms: Iterable<{ readonly platform: Platform; readonly requests: RequestMemory }>,
  ): Promise<void> {
    for (const { platform, requests } of platforms) {
      if (this.behind(platform) >= this.fewest) this.due.set(platform, requests);
    }
    if (this.due.size > 0) this.saving ??= this.saveAll();
    await Promise.race([this.saving, setTimeout(LAST_MS, undefined, { ref: false })]);
    this.due.clear();
  }

  /** The platform of a stream as its newest snapshot that can be read has it; null when there is none. */
  async restore(header: PlatformHeader): Promise<Restored | null> {
    const revisions = await this.log.snapshots(header.name);
    const [restored, kept] = await this.newestOf(revisions, header);
    if (restored !== null) {
      this.newest.set(restored.platform, restored.platform.revision);
      this.kept.set(restored.platform, kept);
    }
    return restored;
  }

  /**
   * A second self of a platform as a snapshot has it, from which a revision is reached sooner than from another one;
   * null when there is none.
   */
  async before(platform: Platform, revision: number, other: number): Promise<Platform | null> {
    const all = this.kept.get(platform) ?? [];
    const useful = all.filter((each) => each <= revision && each - other > each * READING);
    const [restored, kept] = await this.newestOf(useful, platform.header);
    const unreadable = useful.filter((each) => !kept.includes(each));
    if (unreadable.length > 0) {
      const now = this.kept.get(platform)!;
      this.kept.set(
        platform,
        now.filter((each) => !unreadable.includes(each)),
      );
    }
    return restored?.platform ?? null;
  }

  /** What the newest of some snapshots that can be read gives, and those from it on to the oldest. */
  private async newestOf(
    revisions: readonly number[],
    header: PlatformHeader,
  ): Promise<[Restored | null, readonly number[]]> {
    const { name } = header;
    for (let count = revisions.length; count > 0; count--) {
      const revision = revisions[count - 1];
      try {
        const snapshot = await this.log.snapshot(name, revision);
        if (snapshot === null) continue;
        if (snapshot.label === this.label)
          return [await readSnapshot(snapshot, header), revisions.slice(0, count)];
        // So were those before it.
        this.settings.warn(
          `The snapshot of platform "${name}" was made by another version, or with another number of kept events; it is not used.`,
        );
        break;
      } catch (error) {
        if (isOver(error)) break;
        // A newer one may have taken its place while it was read.
        if (await this.isGone(name, revision)) continue;
        this.settings.warn(`The snapshot of platform "${name}" cannot be read: ${messageOf(error)}`);
      }
    }
    return [null, []];
  }

  /** Whether there is no such snapshot any more, or no log. */
  private isGone(name: string, revision: number): Promise<boolean> {
    return this.log.snapshots(name).then((there) => !there.includes(revision), isOver);
  }

  /** Commands since the newest. */
  private behind(platform: Platform): number {
    return platform.revision - (this.newest.get(platform) ?? 0);
  }

  private async saveAll(): Promise<void> {
    for (const [platform, requests] of this.due) {
      if (inTheMidst(platform) !== null) await untilWhole(platform);
      this.due.delete(platform);
      this.newest.set(platform, platform.revision);
      await this.save(platform, copyPlatform(platform), requests);
    }
    this.saving = null;
  }

  private async save(platform: Platform, copy: Platform, requests: RequestMemory): Promise<void> {
    const { name } = copy.header;
    try {
      const pieces = this.pace.keptBy(writePieces(copy, requests));
      const kept = thinned([...(this.kept.get(platform) ?? []), copy.revision]);
      await this.log.saveSnapshot(name, copy.revision, this.label, pieces, kept.slice(0, -1));
      this.kept.set(platform, kept);
    } catch (error) {
      if (isOver(error)) return;
      this.settings.warn(`A snapshot of platform "${name}" could not be written: ${messageOf(error)}`);
    }
  }
}

/** The platform was deleted, or the server ends. */
function isOver(error: unknown): boolean {
  return error instanceof LogError && ['NO_SUCH_STREAM', 'CLOSED'].includes(error.refusal);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
