import type { CommandLog } from '../log/port.js';
import type { Command, LoggedCommand } from './command.js';
import { KernelConfigError } from '../kernel/profile/config-error.js';
import { ConflictError, InvalidInputError, NotFoundError } from './errors.js';
import { type Applied, Platform, type PlatformHeader } from './platform.js';
import { prepare } from './verbs.js';

/** A platform and the commands on their way to it. */
interface Hosted {
  readonly platform: Platform;
  /** Revision the next accepted command will get. */
  nextRevision: number;
  /** Commands accepted and not yet applied. */
  inFlight: number;
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

  private constructor(
    private readonly log: CommandLog,
    private readonly clock: () => number,
  ) {}

  /** Reads every platform back from the log: its header, then its commands. */
  static async open(log: CommandLog, clock: () => number = Date.now): Promise<PlatformHost> {
    const host = new PlatformHost(log, clock);
    for (const stream of await log.streams()) {
      const platform = new Platform(stream.header as PlatformHeader);
      for await (const { entry } of log.read(stream.name, 1)) platform.apply(entry as LoggedCommand);
      host.admit(platform);
    }
    return host;
  }

  /** In order of creation. */
  platforms(): Platform[] {
    return [...this.hosted.values()].map(({ platform }) => platform);
  }

  platform(name: string): Platform | null {
    return this.hosted.get(name)?.platform ?? null;
  }

  /** Boots a machine and stores its header. A name that is taken is a {@link ConflictError}. */
  async create(header: Omit<PlatformHeader, 'createdAt'>): Promise<Platform> {
    const { name } = header;
    if (this.hosted.has(name) || this.reserved.has(name)) {
      throw new ConflictError(`A platform named "${name}" exists.`, name);
    }
    this.reserved.add(name);
    try {
      const complete: PlatformHeader = { ...header, createdAt: this.clock() };
      const platform = boot(complete);
      await this.log.create(name, complete);
      this.admit(platform);
      return platform;
    } finally {
      this.reserved.delete(name);
    }
  }

  /** Forgets a platform and its log; commands on their way to it are finished first. */
  async delete(name: string): Promise<void> {
    const hosted = this.find(name);
    this.hosted.delete(name);
    this.reserved.add(name);
    try {
      await hosted.tail;
      await this.log.drop(name);
    } finally {
      this.reserved.delete(name);
      hosted.platform.close();
    }
  }

  /**
   * Logs a command, applies it and tells what it did. What the command names must exist now; a refusal of
   * the kernel is a result, not an exception.
   */
  async perform<T extends Command['type']>(
    name: string,
    command: Extract<Command, { type: T }>,
  ): Promise<Applied<T>> {
    const hosted = this.find(name);
    prepare(hosted.platform, command);
    const logged: LoggedCommand = { command, time: this.clock() };
    const durable = this.log.append(name, hosted.nextRevision++, logged);
    hosted.inFlight++;
    // A failure is this caller's to hear; it must not stop those who come after.
    const applied = hosted.tail.then(() => durable).then(() => hosted.platform.apply(logged));
    hosted.tail = applied.catch(() => undefined).then(() => this.settle(hosted));
    durable.catch(() => undefined);
    return applied as Promise<Applied<T>>;
  }

  /** Waits for commands on their way, then closes the log. */
  async close(): Promise<void> {
    await Promise.all([...this.hosted.values()].map(({ tail }) => tail));
    for (const { platform } of this.hosted.values()) platform.close();
    await this.log.close();
  }

  private settle(hosted: Hosted): void {
    hosted.inFlight--;
    // After a failed append the revisions handed out since are void: the log is the truth.
    if (hosted.inFlight === 0) hosted.nextRevision = hosted.platform.revision + 1;
  }

  private find(name: string): Hosted {
    const hosted = this.hosted.get(name);
    if (hosted === undefined) throw new NotFoundError('Platform', name, null);
    return hosted;
  }

  private admit(platform: Platform): void {
    this.hosted.set(platform.name, {
      platform,
      nextRevision: platform.revision + 1,
      inFlight: 0,
      tail: Promise.resolve(),
    });
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
