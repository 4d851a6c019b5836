interface End {
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
  private items: T[] = [];
  /** Who waits for each of them. */
  private ends: End[] = [];
  private running: Promise<void> | null = null;

  /**
   * @param commit makes one batch durable, or none of it
   * @param done told of a batch that is durable, before any of it hears
   * @param undo told of every item that will not be durable, newest first, before any of them hears; gives what
   *   they are told
   */
  constructor(
    private readonly commit: (batch: readonly T[]) => Promise<void>,
    private readonly done: (batch: readonly T[]) => void,
    private readonly undo: (items: readonly T[], cause: unknown) => Error,
  ) {}

  /** Resolves when the item is durable. When a commit fails, so does all that came after it and waits. */
  submit(item: T): Promise<void> {
    return new Promise((resolve, reject) => {
      this.items.push(item);
      this.ends.push({ resolve, reject });
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
    while (this.items.length > 0) {
      const { items, ends } = this;
      this.items = [];
      this.ends = [];
      try {
        await this.commit(items);
        this.done(items);
        for (const { resolve } of ends) resolve();
      } catch (cause) {
        const refusal = this.undo([...items, ...this.items].reverse(), cause);
        for (const { reject } of [...ends, ...this.ends]) reject(refusal);
        this.items = [];
        this.ends = [];
      }
    }
    this.running = null;
  }
}
