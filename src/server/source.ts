/** Where what a subscription field gives comes from, and who is told when there is more. */
export interface Feed {
  /** Rings whenever there may be more, until the function it gives is called. */
  listen(ring: () => void): () => void;
}

/**
 * One reader's place in a feed, asked without promises, so that thousands of readers are served in one pass.
 * Those who stand at one place of a feed are given the same value, the very object.
 */
export interface Source {
  readonly feed: Feed;
  /**
   * The next value; undefined when there is none yet. When {@link position} is then not {@link newest}, there is
   * more to look at, in another turn.
   */
  poll(): unknown;
  /** Nothing will come any more. */
  readonly ended: boolean;
  /** Number of the last event this reader has looked at. */
  readonly position: number;
  /** Number of the newest event. */
  readonly newest: number;
  /** Goes on after the newest; what comes next tells the reader what was passed over. */
  skip(): void;
  /** The reader has gone. */
  return(): unknown;
}

/** A source as it is, or around any other stream; the readers of such a one share nothing and skip nothing. */
export function sourceOf(stream: AsyncIterable<unknown>): Source {
  return 'poll' in stream
    ? (stream as unknown as Source)
    : new IterableSource(stream[Symbol.asyncIterator]());
}

class IterableSource implements Source {
  readonly feed: Feed = { listen: (ring) => this.begin(ring) };
  readonly position = 0;
  readonly newest = 0;
  private ring: () => void = () => undefined;
  private arrived: { readonly value: unknown } | { readonly error: unknown } | null = null;
  private done = false;

  constructor(private readonly iterator: AsyncIterator<unknown>) {}

  poll(): unknown {
    const { arrived } = this;
    if (arrived === null) return undefined;
    this.arrived = null;
    if ('error' in arrived) throw arrived.error;
    this.pull();
    return arrived.value;
  }

  get ended(): boolean {
    return this.done;
  }

  skip(): void {
    // One value at a time is asked for, so none lies between.
  }

  return(): unknown {
    return this.iterator.return?.();
  }

  private begin(ring: () => void): () => void {
    this.ring = ring;
    this.pull();
    return () => (this.ring = () => undefined);
  }

  private pull(): void {
    this.iterator.next().then(
      (step) => {
        if (step.done === true) this.done = true;
        else this.arrived = { value: step.value };
        this.ring();
      },
      (error: unknown) => {
        this.arrived = { error };
        this.ring();
      },
    );
  }
}
