import { toHex } from '../../bits/u64.js';
import { KernelError } from '../../kernel/errno.js';
import type { Command } from '../command.js';
import type { DmaOutcome } from '../dma.js';
import { InvalidInputError, NotFoundError } from '../errors.js';
import { applyInSlices } from '../in-slices.js';
import type { PlannedRefusal } from '../plan.js';
import type { Platform } from '../platform.js';
import { background } from '../time-slice.js';
import { prepare } from '../verbs/index.js';

/** What became of a command that was tried after others. */
export interface Trial {
  /** Null: it succeeded. */
  readonly refusal: NonNullable<PlannedRefusal> | null;
  /** The platform as the command found it, when it was refused. */
  readonly before: Platform;
}

/** Tries commands on second selves of a platform, each of which is used for one line of commands. */
export class Trials {
  private count = 0;
  /** Where the last success led, for whoever goes on from there. */
  private reached: { readonly done: readonly Command[]; readonly platform: Platform } | null = null;

  constructor(
    private readonly replica: () => Promise<Platform>,
    /** Wall clock all of it happens at, milliseconds since 1970. */
    private readonly time: number,
  ) {}

  /** Commands tried so far. */
  get tried(): number {
    return this.count;
  }

  /** @param done commands that are known to succeed one after the other */
  async try(done: readonly Command[], command: Command): Promise<Trial> {
    const platform = await this.after(done);
    const { refusal, isSilent } = await this.apply(platform, command);
    if (refusal === null) {
      this.reached = { done: [...done, command], platform };
      return { refusal, before: platform };
    }
    // A refusal that said nothing changed nothing a rule looks at; others gave up half-way.
    return { refusal, before: isSilent ? platform : await this.after(done) };
  }

  /**
   * Whether a command succeeds after others, of which those that are refused are passed over; and which
   * those were that were not.
   */
  async tryAll(commands: readonly Command[], command: Command) {
    const platform = await this.another();
    const accepted: Command[] = [];
    for (const each of commands) if ((await this.apply(platform, each)).refusal === null) accepted.push(each);
    return { succeeds: (await this.apply(platform, command)).refusal === null, accepted };
  }

  private async after(done: readonly Command[]): Promise<Platform> {
    const { reached } = this;
    this.reached = null;
    if (reached !== null && isSame(reached.done, done)) return reached.platform;
    const platform = await this.another();
    for (const command of done) await this.apply(platform, command);
    return platform;
  }

  private async another(): Promise<Platform> {
    await background.next();
    return this.replica();
  }

  private async apply(platform: Platform, command: Command) {
    this.count++;
    try {
      prepare(platform, command);
    } catch (error) {
      if (error instanceof NotFoundError || error instanceof InvalidInputError)
        return { refusal: error, isSilent: true };
      throw error;
    }
    const applied = await applyInSlices(platform, { command, time: this.time }, background);
    const { result, firstSequence, lastSequence } = applied;
    const refusal = result.ok ? faultOf(command, result.value as DmaOutcome) : result.error;
    return { refusal, isSilent: lastSequence < firstSequence };
  }
}

/** A request the hardware blocks is no refusal of a call, but not what was wanted either. */
function faultOf(command: Command, outcome: DmaOutcome): KernelError | null {
  if (command.type !== 'dma' || outcome.completed) return null;
  const at = outcome.refusedAt === null ? '' : ` at ${toHex(outcome.refusedAt)}`;
  const message = `The hardware blocks the request of ${command.endpoint.name}${at}.`;
  const subject = command.endpoint;
  return new KernelError('EIO', 'dma', message, [{ code: 'DMA_BLOCKED', message, subject, remedy: null }]);
}

function isSame(a: readonly Command[], b: readonly Command[]): boolean {
  return a.length === b.length && a.every((command, index) => command === b[index]);
}
