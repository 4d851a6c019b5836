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

  /**
   * @param commit makes one batch durable, or none of it
   * @param undo told of every item that will not be durable, newest first, before any of them hears; gives what
   *   they are told
   */
  constructor(
    private readonly commit: (batch: readonly T[]) => Promise<void>,
    private readonly undo: (items: readonly T[], cause: unknown) => Error,
  ) {}

  /** Resolves when the item is durable. When a commit fails, so does all that came after it and waits. */
  submit(item: T): Promise<void> {
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
        const failed = [...batch, ...this.waiting];
        this.waiting = [];
        const refusal = this.undo(failed.map((entry) => entry.item).reverse(), cause);
        for (const entry of failed) entry.reject(refusal);
      }
    }
    this.running = null;
  }
}
