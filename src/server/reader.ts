import type { SharedAnswer } from './shared-answer.js';
import type { Source } from './source.js';
import type { StreamSettings } from './stream-settings.js';

/** Where a reader's answers go: one subscription on a socket, or one response. */
export interface Sink {
  /** Bytes given to the connection and not yet taken by the network. */
  readonly waiting: number;
  /** @param flushed called when the network has taken this and all before it, with an error when it will not */
  send(answer: SharedAnswer, flushed?: (error?: Error | null) => void): void;
  /** Nothing follows; with an error when that is why. */
  end(error?: unknown): void;
}

/** What a reader has in common with those who asked for the same. */
export interface Company {
  readonly settings: StreamSettings;
  answerTo(value: unknown): SharedAnswer | Promise<SharedAnswer>;
  /** One of them goes. */
  leave(reader: Reader): void;
}

/** One subscriber: its place in the feed, and its connection. */
export class Reader {
  private open = true;
  /** Waits for its connection, for an answer that is still being made, or for its turn to look on. */
  private resting = false;
  /** The newest event when it came; one who has not had that yet replays what is kept, and is not slow. */
  private readonly newestAtStart: number;

  constructor(
    private readonly source: Source,
    private readonly sink: Sink,
    private readonly company: Company,
  ) {
    this.newestAtStart = source.newest;
  }

  /** Gives the connection what there is, as far as it has room. */
  serve(): void {
    try {
      while (this.open && !this.resting) {
        const value = this.source.poll();
        if (value === undefined) {
          if (this.source.ended) this.end();
          else if (this.source.position < this.source.newest) this.lookOn();
          return;
        }
        const answer = this.company.answerTo(value);
        if (answer instanceof Promise) this.await(answer);
        else this.give(answer);
      }
    } catch (error) {
      this.end(error);
    }
  }

  /** The subscriber has gone, or will get nothing more. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.company.leave(this);
    void this.source.return();
  }

  private give(answer: SharedAnswer): void {
    if (this.sink.waiting <= this.company.settings.bufferBytes) return this.sink.send(answer);
    this.resting = true;
    this.sink.send(answer, (error) => (error == null ? this.goOn() : this.close()));
  }

  private goOn(): void {
    this.resting = false;
    const { position, newest } = this.source;
    if (position >= this.newestAtStart && newest - position > this.company.settings.lagEvents)
      this.source.skip();
    this.serve();
  }

  private lookOn(): void {
    this.resting = true;
    setImmediate(() => {
      this.resting = false;
      this.serve();
    });
  }

  private await(answer: Promise<SharedAnswer>): void {
    this.resting = true;
    answer.then(
      (made) => {
        this.resting = false;
        if (!this.open) return;
        this.give(made);
        this.serve();
      },
      (error: unknown) => this.end(error),
    );
  }

  private end(error?: unknown): void {
    if (!this.open) return;
    this.close();
    this.sink.end(error);
  }
}
