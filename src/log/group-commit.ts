interface Waiting<T> {
  readonly item: T;
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

/**
 * Commits whatever arrived during the previous commit as one.
 *
 * A commit costs one wait for the disk however much is in it, so under load the batch grows by itself and
 * without load nothing waits for company.
 */
export class GroupCommit<T> {
  private waiting: Waiting<T>[] = [];
  private running: Promise<void> | null = null;
  private failure: { readonly cause: unknown } | null = null;

  /**
   * @param commit makes one batch durable, or none of it
   * @param refusal what the items are told that come after a failed commit
   */
  constructor(
    private readonly commit: (batch: readonly T[]) => Promise<void>,
    private readonly refusal: (cause: unknown) => Error,
  ) {}

  /** Resolves when the item is durable. */
  submit(item: T): Promise<void> {
    if (this.failure !== null) return Promise.reject(this.refusal(this.failure.cause));
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.running ??= this.run();
    });
  }

  /** Resolves when nothing is under way. */
  async drain(): Promise<void> {
    while (this.running !== null) await this.running;
  }

  private async run(): Promise<void> {
    // Items submitted in the same turn belong together: the first of them must not leave alone.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      try {
        await this.commit(batch.map((entry) => entry.item));
        for (const entry of batch) entry.resolve();
      } catch (cause) {
        this.failure = { cause };
        const refusal = this.refusal(cause);
        for (const entry of [...batch, ...this.waiting]) entry.reject(refusal);
        this.waiting = [];
      }
    }
    this.running = null;
  }
}
