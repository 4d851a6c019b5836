import type { CommandLog } from '../log/port.js';
import type { Command } from './command.js';
import { KernelConfigError } from '../kernel/profile/config-error.js';
import { Deletions, isPlatformStream } from './deletions.js';
import { ConflictError, InvalidInputError, NotFoundError } from './errors.js';
import { FewOfEach } from './few-at-once.js';
import { forkHeader, isUnfinishedFork, logFork } from './fork.js';
import { goneError, isGone } from './gone.js';
import { History, type LogRevision, type Prepare } from './history.js';
import { Hosted, type Surroundings } from './hosted.js';
import { inSlices, inTheMidst, untilWhole } from './in-slices.js';
import { type RequestKey, type RequestMemory, type RequestTerms, sameInput } from './idempotency.js';
import { type Applied, Platform, type PlatformHeader } from './platform.js';
import { type SnapshotSettings, Snapshots } from './snapshots.js';
import { beginStream, stored } from './stored.js';
import { FairTurn, background } from './time-slice.js';

/** Pieces of work that hold second selves of one platform, at once. */
const TRIALS_AT_ONCE = 4;

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
  private readonly trials = new FewOfEach<Platform>(TRIALS_AT_ONCE);

  private constructor(
    private readonly around: Surroundings,
    private readonly deletions: Deletions,
    private readonly keptEvents: number | null,
  ) {}

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
    const history = new History(log, images);
    const around = { log, clock, history, snapshots: images, turn: new FairTurn() };
    const host = new PlatformHost(around, deletions, keptEvents);
    for (const stream of await log.streams()) {
      if (!isPlatformStream(stream.name)) continue;
      const header = stream.header as PlatformHeader;
      if (isUnfinishedFork(header, stream.lastRevision) || deletions.covers(header)) {
        await log.drop(stream.name);
        continue;
      }
      const restored = (await images?.restore(header)) ?? null;
      await host.admit(restored?.platform ?? new Platform(header), restored?.requests).catchUp();
    }
    return host;
  }

  /** The time a command would get that was accepted now. */
  now(): number {
    return this.around.clock();
  }

  /** In order of creation. */
  platforms(): Platform[] {
    return [...this.hosted.values()].filter((one) => !one.isLeaving).map(({ platform }) => platform);
  }

  platform(name: string): Platform | null {
    const hosted = this.hosted.get(name);
    return hosted === undefined || hosted.isLeaving ? null : hosted.platform;
  }

  /**
   * Gives what a look at the platform of a name gives: at once, unless a command rests in its middle. Null stands for
   * no platform.
   */
  look<T>(name: string, look: (platform: Platform | null) => T): T | Promise<T> {
    const platform = this.platform(name);
    const end = platform && inTheMidst(platform);
    return end === null ? look(platform) : end.then(() => this.look(name, look));
  }

  /** Boots a machine and stores its header. A name that is taken is a {@link ConflictError}. */
  create(header: Omit<PlatformHeader, 'createdAt'>): Promise<Platform> {
    return this.once(header.request, () =>
      this.make(header.name, async () => {
        const complete: PlatformHeader = { ...header, createdAt: this.around.clock() };
        const platform = await boot(complete, this.around.turn);
        await beginStream(this.around.log, header.name, complete);
        return platform;
      }),
    );
  }

  /**
   * A new platform that begins as another one stood right after a revision, now when that is null. From
   * then on they know nothing of each other.
   */
  fork(from: string, name: string, revision: number | null, terms: RequestTerms = {}): Promise<Platform> {
    return this.once(terms.request, async () => {
      const hosted = await this.whole(from);
      const { platform: origin } = hosted;
      hosted.expect(terms.expectedRevision);
      const at = revision ?? origin.revision;
      if (at < 0 || at > origin.revision) {
        const message = `Platform "${from}" has had ${origin.revision} commands; there is no revision ${at}.`;
        throw new InvalidInputError(['input', 'revision'], message);
      }
      return this.make(name, async () => {
        const header = forkHeader(origin.header, name, at, this.around.clock(), terms.request);
        try {
          const platform = await this.around.history.copyAt(origin, at, header);
          await logFork(this.around.log, header, origin);
          return platform;
        } catch (error) {
          throw isGone(origin, error) ? goneError(origin) : error;
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
    return this.around.history.at(origin, revision);
  }

  /** A platform as it is now, for who looks at it longer than a moment: commands go on meanwhile. */
  async still(platform: Platform): Promise<Platform> {
    // Others, earlier moments or trials, have no commands to come.
    if (this.hosted.get(platform.name)?.platform !== platform) return platform;
    return (await this.around.history.at(platform, platform.revision)) ?? platform;
  }

  /** See {@link History.relive}; nothing happens when the platform is gone or has no such revision. */
  async relive(seen: Platform, revision: number, prepare: Prepare): Promise<void> {
    const origin = this.originOf(seen);
    if (origin === null || revision < 1 || revision > origin.revision) return;
    await this.around.history.relive(origin, revision, prepare);
  }

  /** The commands of a platform from one revision to another, both included; none when it is gone. */
  async *commands(seen: Platform, from: number, to: number): AsyncGenerator<LogRevision> {
    const origin = this.originOf(seen);
    if (origin !== null) yield* this.around.history.commands(origin, from, to);
  }

  /**
   * Lets those who try or do again things on second selves of a platform do so in their turn, a few at a time: each is a
   * whole machine, and a query can ask for a thousand.
   */
  trying<T>(platform: Platform, work: () => Promise<T>): Promise<T> {
    return this.trials.run(platform, async () => {
      await background.next();
      return work();
    });
  }

  /** A second self of a platform, for the caller to try things on and drop. */
  async replica(name: string): Promise<Platform> {
    const { platform } = await this.whole(name);
    return this.around.history.copyAt(platform, platform.revision);
  }

  /** Forgets a platform and its log; commands on their way to it are finished first. */
  async delete(name: string, { request, expectedRevision }: RequestTerms = {}): Promise<void> {
    const known = request === undefined ? null : this.deletions.recall(request);
    if (known !== null) return stored(known);
    if (request !== undefined) void this.madeUnder(request);
    const hosted = this.find(name);
    hosted.expect(expectedRevision);
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
    const found = this.whole(name);
    const hosted = found instanceof Promise ? await found : found;
    return hosted.perform(command, terms) as Promise<Applied<T>>;
  }

  /** Waits for commands on their way and, for a moment, for snapshots, then closes the log. */
  async close(): Promise<void> {
    const all = [...this.hosted.values()];
    await Promise.all(all.map(({ tail }) => tail));
    for (const { platform } of all) platform.close();
    await this.around.snapshots?.finish(all);
    await this.around.log.close();
  }

  /** @param settled makes of the dropping of the log what the caller is to hear */
  private async forget(hosted: Hosted, settled: (drop: Promise<void>) => Promise<void>): Promise<void> {
    const { platform } = hosted;
    // A request that came first may have done it.
    if (hosted.isLeaving) return;
    hosted.isLeaving = true;
    await hosted.tail;
    try {
      await settled(this.around.log.drop(platform.name));
    } catch (error) {
      hosted.isLeaving = false;
      throw error;
    }
    this.hosted.delete(platform.name);
    platform.close();
    this.around.history.forget(platform);
    this.around.snapshots?.forget(platform);
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
    // Refused when a platform was deleted under the key.
    void this.deletions.recall(request);
    const found = this.madeUnder(request);
    if (found !== null) {
      const platform = await found;
      await untilWhole(platform);
      return platform;
    }
    try {
      const platform = work();
      this.making.set(request.key, { request, platform });
      return await platform;
    } finally {
      this.making.delete(request.key);
    }
  }

  /** What a request with the same key makes or made; null when there is none. Another input under it is refused. */
  private madeUnder(request: RequestKey): Promise<Platform> | null {
    const made = this.platforms().find(({ header }) => header.request?.key === request.key);
    const found = made
      ? { request: made.header.request!, platform: Promise.resolve(made) }
      : this.making.get(request.key);
    if (found === undefined) return null;
    sameInput(request, found.request);
    return found.platform;
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

  /** The same, when no command rests in its middle. */
  private whole(name: string): Hosted | Promise<Hosted> {
    const hosted = this.find(name);
    const end = inTheMidst(hosted.platform);
    return end === null ? hosted : end.then(() => this.whole(name));
  }

  private admit(platform: Platform, requests?: RequestMemory): Hosted {
    if (this.keptEvents !== null) platform.events.keep(this.keptEvents);
    const hosted = new Hosted(this.around, platform, requests);
    this.hosted.set(platform.name, hosted);
    return hosted;
  }
}

/** Boots a machine; a kernel that is not modelled is the caller's mistake. */
async function boot(header: PlatformHeader, turn: FairTurn): Promise<Platform> {
  await turn.next();
  try {
    return await inSlices(Platform.inSteps(header), turn);
  } catch (error) {
    if (error instanceof KernelConfigError)
      throw new InvalidInputError(['input', 'kernel', error.option], error.message);
    throw error;
  }
}
