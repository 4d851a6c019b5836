import { type ExecutionArgs, execute } from 'graphql';
import type { Mask } from './masked-errors.js';
import { type Company, Reader, type Sink } from './reader.js';
import { SharedAnswer } from './shared-answer.js';
import type { Source } from './source.js';
import type { StreamSettings } from './stream-settings.js';

/**
 * What the subscribers of one operation have in common: its execution and the text of each answer. They are
 * served in one pass, so a message costs each of them a look at its place and the writing to its socket.
 *
 * A stream that was quiet for the gathering time sends at once; in a storm one message carries what came since
 * the last.
 */
export class SharedStream implements Company {
  private readonly readers = new Set<Reader>();
  private readonly answers = new WeakMap<object, SharedAnswer | Promise<SharedAnswer>>();
  private lastPassAt = -Infinity;
  private awaitsPass = false;
  private stopListening: (() => void) | null = null;

  /** @param left called when the last reader has gone */
  constructor(
    private readonly args: ExecutionArgs,
    readonly settings: StreamSettings,
    private readonly mask: Mask,
    private readonly left: () => void,
  ) {}

  /** Adds a reader at a place of its own. It is given at once what lies there. */
  join(source: Source, sink: Sink): Reader {
    const reader = new Reader(source, sink, this);
    this.readers.add(reader);
    this.stopListening ??= source.feed.listen(() => this.ring());
    reader.serve();
    return reader;
  }

  leave(reader: Reader): void {
    this.readers.delete(reader);
    if (this.readers.size > 0) return;
    this.stopListening?.();
    this.left();
  }

  /** There is more. What is rung in the middle of a command waits for the end of this turn. */
  private ring(): void {
    if (this.awaitsPass) return;
    this.awaitsPass = true;
    const rest = this.lastPassAt + this.settings.gatherMs - performance.now();
    // A timer would wait a whole millisecond for less than one.
    if (rest >= 1) setTimeout(() => this.pass(), rest);
    else setImmediate(() => this.pass());
  }

  private pass(): void {
    this.awaitsPass = false;
    this.lastPassAt = performance.now();
    for (const reader of this.readers) reader.serve();
  }

  answerTo(value: unknown): SharedAnswer | Promise<SharedAnswer> {
    // Only an object tells that it is the very one another reader got.
    if (typeof value !== 'object' || value === null) return this.make(value);
    let answer = this.answers.get(value);
    if (answer === undefined) this.answers.set(value, (answer = this.make(value)));
    return answer;
  }

  private make(rootValue: unknown): SharedAnswer | Promise<SharedAnswer> {
    const result = execute({ ...this.args, rootValue });
    return 'then' in result
      ? result.then((made) => new SharedAnswer(made, this.mask))
      : new SharedAnswer(result, this.mask);
  }
}
