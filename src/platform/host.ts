import type { CommandLog } from '../log/port.js';
import type { Command, LoggedCommand } from './command.js';
import { KernelConfigError } from '../kernel/profile/config-error.js';
import { Deletions, isPlatformStream } from './deletions.js';
import { ConflictError, InvalidInputError, NotFoundError } from './errors.js';
import { forkHeader, isUnfinishedFork, logFork } from './fork.js';
import { History, type LogRevision, type OnLooker } from './history.js';
import {
  type RequestKey,
  RequestMemory,
  type RequestTerms,
  checkRevision,
  sameInput,
} from './idempotency.js';
import { type Applied, Platform, type PlatformHeader } from './platform.js';
import { replay } from './replay.js';
import { type SnapshotSettings, Snapshots } from './snapshots.js';
import { beginStream, stored } from './stored.js';
import { FairTurn } from './time-slice.js';
import { prepare } from './verbs/index.js';

/** A platform and the commands on their way to it. */
interface Hosted {
  readonly platform: Platform;
  readonly requests: RequestMemory;
  /** Revision the next accepted command will get. */
  nextRevision: number;
  /** Being deleted: not to be found any more, and back again when that cannot be stored. */
  isLeaving: boolean;
  /** Settles when every command accepted so far was applied or failed. */
  tail: Promise<unknown>;
}

/**
 * The platforms of one server and the log behind them. A command is appended first and applied when it is
 * durable, in the order of the log; only then is its sender answered.
 */
export class PlatformHost {
  private readonly hosted = new Map<string, Hosted>();
  /** Names being created now, so that two at once cannot both win. */
  private readonly reserved = new Set<string>();
  /** Platforms being made now for requests that have a key. */
  private readonly making = new Map<string, { request: RequestKey; platform: Promise<Platform> }>();
  private readonly history: History;
  /** Many commands become durable at once; others are answered while they are applied. */
  private readonly turn = new FairTurn();

  private constructor(
    private readonly log: CommandLog,
    private readonly clock: () => number,
    private readonly deletions: Deletions,
    private readonly keptEvents: number | null,
    private readonly snapshots: Snapshots | null,
  ) {
    this.history = new History(log);
  }

  /**
   * Reads every platform back from the log: its newest snapshot, or else its header, then the commands that follow.
   *
   * @param keptEvents events each platform keeps for reading; a million when that is null
   * @param snapshots how snapshots are made and used; none when that is null
   */
  static async open(
    log: CommandLog,
    clock: () => number = Date.now,
    keptEvents: number | null = null,
    snapshots: SnapshotSettings | null = null,
  ): Promise<PlatformHost> {
    const deletions = await Deletions.open(log);
    const images = snapshots && new Snapshots(log, snapshots, keptEvents);
    const host = new PlatformHost(log, clock, deletions, keptEvents, images);
    for (const stream of await log.streams()) {
      if (!isPlatformStream(stream.name)) continue;
      const header = stream.header as PlatformHeader;
      if (isUnfinishedFork(header, stream.lastRevision) || deletions.covers(header)) {
        await log.drop(stream.name);
        continue;
      }
      const restored = (await images?.restore(header)) ?? null;
      const hosted = host.admit(restored?.platform ?? new Platform(header), restored?.requests);
      const { platform, requests } = hosted;
      await replay(log, platform, Infinity, ({ request }, applied) => {
        host.history.note(platform);
        if (request !== undefined) requests.keep(request, applied);
      });
      hosted.nextRevision = platform.revision + 1;
      images?.note(platform, requests);
    }
    return host;
  }

  /** The time a command would get that was accepted now. */
  now(): number {
    return this.clock();
  }

  /** In order of creation. */
  platforms(): Platform[] {
    return [...this.hosted.values()].filter((one) => !one.isLeaving).map(({ platform }) => platform);
  }

  platform(name: string): Platform | null {
    const hosted = this.hosted.get(name);
    return hosted === undefined || hosted.isLeaving ? null : hosted.platform;
  }

  /** Boots a machine and stores its header. A name that is taken is a {@link ConflictError}. */
  create(header: Omit<PlatformHeader, 'createdAt'>): Promise<Platform> {
    return this.once(header.request, () =>
      this.make(header.name, async () => {
        const complete: PlatformHeader = { ...header, createdAt: this.clock() };
        const platform = boot(complete);
        await beginStream(this.log, header.name, complete);
        return platform;
      }),
    );
  }

  /**
   * A new platform that begins as another one stood right after a revision, now when that is null. From
   * then on they know nothing of each other.
   */
  fork(from: string, name: string, revision: number | null, terms: RequestTerms = {}): Promise<Platform> {
    return this.once(terms.request, () => {
      const { platform: origin, nextRevision } = this.find(from);
      checkRevision(from, nextRevision - 1, terms.expectedRevision);
      const at = revision ?? origin.revision;
      if (at < 0 || at > origin.revision) {
        const message = `Platform "${from}" has had ${origin.revision} commands; there is no revision ${at}.`;
        throw new InvalidInputError(['input', 'revision'], message);
      }
      return this.make(name, async () => {
        const header = forkHeader(origin.header, name, at, this.clock(), terms.request);
        try {
          const platform = await this.history.copyAt(origin, at, header);
          await logFork(this.log, header);
          return platform;
        } catch (error) {
          throw origin.isClosed ? new NotFoundError('Platform', from, null) : error;
        }
      });
    });
  }

  /**
   * A platform as it stood right after a revision, to look at; null when that lies ahead.
   *
   * @param seen the platform, or an earlier moment of it: what lies ahead of that is not shown
   */
  async at(seen: Platform, revision: number): Promise<Platform | null> {
    const origin = this.originOf(seen);
    if (origin === null || revision > seen.revision) return null;
    return this.history.at(origin, revision);
  }

  /** See {@link History.relive}; nothing happens when the platform is gone or has no such revision. */
  async relive(seen: Platform, revision: number, see: OnLooker): Promise<void> {
    const origin = this.originOf(seen);
    if (origin === null || revision < 1 || revision > origin.revision) return;
    await this.history.relive(origin, revision, see);
  }

  /** The commands of a platform from one revision to another, both included; none when it is gone. */
  async *commands(seen: Platform, from: number, to: number): AsyncGenerator<LogRevision> {
    const origin = this.originOf(seen);
    if (origin !== null) yield* this.history.commands(origin, from, to);
  }

  /** A second self of a platform, for the caller to try things on and drop. */
  async replica(name: string): Promise<Platform> {
    const { platform } = this.find(name);
    return this.history.copyAt(platform, platform.revision);
  }

  /** Forgets a platform and its log; commands on their way to it are finished first. */
  async delete(name: string, { request, expectedRevision }: RequestTerms = {}): Promise<void> {
    const known = request === undefined ? null : this.deletions.recall(request);
    if (known !== null) return stored(known);
    const hosted = this.find(name);
    checkRevision(name, hosted.nextRevision - 1, expectedRevision);
    if (request === undefined) return this.forget(hosted, stored);
    // Once the key is stored the platform is gone; what cannot be dropped now is dropped by the next start.
    const forget = () => this.forget(hosted, (drop) => drop.catch(() => undefined));
    return stored(this.deletions.run(request, hosted.platform.header, forget));
  }

  /**
   * Logs a command, applies it and tells what it did. What the command names must exist now; a refusal of
   * the kernel is a result, not an exception. A key that was used before gives the answer it gave then.
   */
  async perform<T extends Command['type']>(
    name: string,
    command: Extract<Command, { type: T }>,
    terms: RequestTerms = {},
  ): Promise<Applied<T>> {
    const hosted = this.find(name);
    const { platform, requests } = hosted;
    const { request } = terms;
    if (request !== undefined) {
      const known = requests.recall(request, (revision) => this.history.applied(platform, revision));
      if (known !== null) return known as Promise<Applied<T>>;
    }
    checkRevision(name, hosted.nextRevision - 1, terms.expectedRevision);
    prepare(platform, command);
    const logged: LoggedCommand = { command, time: this.clock(), ...(request && { request }) };
    const revision = hosted.nextRevision++;
    const durable = stored(this.log.append(name, revision, logged));
    // What is not stored has no revision, and neither has what was accepted after it.
    durable.catch(() => (hosted.nextRevision = Math.min(hosted.nextRevision, revision)));
    // A failure is this caller's to hear; it must not stop those who come after.
    const applied = hosted.tail
      .then(() => durable)
      .then(() => this.turn.next())
      .then(() => this.apply(hosted, logged));
    hosted.tail = applied.catch(() => undefined);
    if (request !== undefined) requests.begin(request, applied);
    return applied as Promise<Applied<T>>;
  }

  /** Waits for commands on their way, then closes the log. */
  async close(): Promise<void> {
    await Promise.all([...this.hosted.values()].map(({ tail }) => tail));
    for (const { platform } of this.hosted.values()) platform.close();
    await this.log.close();
  }

  /** @param settled makes of the dropping of the log what the caller is to hear */
  private async forget(hosted: Hosted, settled: (drop: Promise<void>) => Promise<void>): Promise<void> {
    const { platform } = hosted;
    // A request that came first may have done it.
    if (hosted.isLeaving) return;
    hosted.isLeaving = true;
    await hosted.tail;
    try {
      await settled(this.log.drop(platform.name));
    } catch (error) {
      hosted.isLeaving = false;
      throw error;
    }
    this.hosted.delete(platform.name);
    platform.close();
    this.history.forget(platform);
  }

  private apply({ platform, requests }: Hosted, logged: LoggedCommand): Applied {
    const applied = platform.apply(logged);
    this.history.note(platform);
    if (logged.request !== undefined) requests.keep(logged.request, applied);
    this.snapshots?.note(platform, requests);
    return applied;
  }

  /** Makes a platform under a name that nobody else can take meanwhile. */
  private async make(name: string, work: () => Promise<Platform>): Promise<Platform> {
    if (this.hosted.has(name) || this.reserved.has(name)) {
      throw new ConflictError(`A platform named "${name}" exists.`, name);
    }
    this.reserved.add(name);
    try {
      return this.admit(await work()).platform;
    } finally {
      this.reserved.delete(name);
    }
  }

  /** Makes a platform, unless a request with the same key did. */
  private async once(request: RequestKey | undefined, work: () => Promise<Platform>): Promise<Platform> {
    if (request === undefined) return work();
    const made = this.platforms().find(({ header }) => header.request?.key === request.key);
    const known = made && { request: made.header.request!, platform: made };
    const found = known ?? this.making.get(request.key);
    if (found !== undefined) {
      sameInput(request, found.request);
      return found.platform;
    }
    try {
      const platform = work();
      this.making.set(request.key, { request, platform });
      return await platform;
    } finally {
      this.making.delete(request.key);
    }
  }

  /** The platform a moment is of; null when it is gone, also when another one has its name. */
  private originOf(seen: Platform): Platform | null {
    const origin = this.hosted.get(seen.name)?.platform;
    return origin?.header.createdAt === seen.header.createdAt ? origin! : null;
  }

  private find(name: string): Hosted {
    const hosted = this.hosted.get(name);
    if (hosted === undefined || hosted.isLeaving) throw new NotFoundError('Platform', name, null);
    return hosted;
  }

  private admit(platform: Platform, requests = new RequestMemory()): Hosted {
    if (this.keptEvents !== null) platform.events.keep(this.keptEvents);
    const hosted: Hosted = {
      platform,
      requests,
      nextRevision: platform.revision + 1,
      isLeaving: false,
      tail: Promise.resolve(),
    };
    this.hosted.set(platform.name, hosted);
    this.history.note(platform);
    return hosted;
  }
}

/** Boots a machine; a kernel that is not modelled is the caller's mistake. */
function boot(header: PlatformHeader): Platform {
  try {
    return new Platform(header);
  } catch (error) {
    if (error instanceof KernelConfigError)
      throw new InvalidInputError(['input', 'kernel', error.option], error.message);
    throw error;
  }
}
