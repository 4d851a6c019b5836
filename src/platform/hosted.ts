import type { CommandLog } from '../log/port.js';
import type { Command, LoggedCommand } from './command.js';
import type { History } from './history.js';
import { applyInSlices } from './in-slices.js';
import { RequestMemory, type RequestTerms, checkRevision } from './idempotency.js';
import type { Applied, Platform } from './platform.js';
import { replay } from './replay.js';
import type { Snapshots } from './snapshots.js';
import { stored } from './stored.js';
import { type FairTurn, onceAllWereTold } from './time-slice.js';
import { prepare } from './verbs/index.js';

/** What the platforms of one server share. */
export interface Surroundings {
  readonly log: CommandLog;
  readonly clock: () => number;
  readonly history: History;
  readonly snapshots: Snapshots | null;
  /** Many commands become durable at once; others are answered while they are applied. */
  readonly turn: FairTurn;
}

/**
 * A platform and the commands on their way to it: each is appended to the log first and applied when it is durable, in
 * the order of the log; only then is its sender answered.
 */
export class Hosted {
  /** Being deleted: not to be found any more, and back again when that cannot be stored. */
  isLeaving = false;
  /** Settles when every command accepted so far was applied or failed. */
  tail: Promise<unknown> = Promise.resolve();
  /** Revision the next accepted command will get. */
  private nextRevision: number;

  constructor(
    private readonly around: Surroundings,
    readonly platform: Platform,
    readonly requests = new RequestMemory(),
  ) {
    this.nextRevision = platform.revision + 1;
    around.history.note(platform);
  }

  /** Refuses what was meant for another state than the one the next command meets. */
  expect(revision: number | undefined): void {
    checkRevision(this.platform.name, this.nextRevision - 1, revision);
  }

  /** Applies what the log has beyond the platform's revision. */
  async catchUp(): Promise<void> {
    const { platform, requests, around } = this;
    await replay(around.log, platform, Infinity, ({ request }, applied) => {
      around.history.note(platform);
      if (request !== undefined) requests.keep(request, applied);
    });
    this.nextRevision = platform.revision + 1;
    around.snapshots?.note(platform, requests);
  }

  /** See `PlatformHost.perform`. */
  async perform(command: Command, { request, expectedRevision }: RequestTerms): Promise<Applied> {
    const { platform, requests, around } = this;
    if (request !== undefined) {
      const known = requests.recall(request, (revision) => around.history.applied(platform, revision));
      if (known !== null) return known;
    }
    this.expect(expectedRevision);
    prepare(platform, command);
    const logged: LoggedCommand = { command, time: around.clock(), ...(request && { request }) };
    const applied = this.submit(logged);
    if (request !== undefined) requests.begin(request, applied);
    return applied;
  }

  private submit(logged: LoggedCommand): Promise<Applied> {
    const revision = this.nextRevision++;
    const durable = stored(this.around.log.append(this.platform.name, revision, logged));
    // What is not stored has no revision, and neither has what was accepted after it.
    durable.catch(() => (this.nextRevision = Math.min(this.nextRevision, revision)));
    const applied = this.inTurn(this.tail, durable, logged);
    // A failure is this caller's to hear; it must not stop those who come after.
    this.tail = applied.catch(() => undefined);
    return applied;
  }

  private async inTurn(
    before: Promise<unknown>,
    durable: Promise<void>,
    logged: LoggedCommand,
  ): Promise<Applied> {
    const { platform, requests, around } = this;
    await before;
    await durable;
    const pause = around.snapshots?.turn() ?? around.turn.next();
    if (pause !== null) await pause;
    // The answer to the command before shows the platform as that one left it.
    await onceAllWereTold();
    const work = applyInSlices(platform, logged, around.turn);
    const applied = work instanceof Promise ? await work : work;
    around.history.note(platform);
    if (logged.request !== undefined) requests.keep(logged.request, applied);
    around.snapshots?.note(platform, requests);
    return applied;
  }
}
