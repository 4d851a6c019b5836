/** Items in order of arrival, each given out once; asking before one has come waits for it. */
export class Queue<T> {
  private readonly items: T[] = [];
  private readonly waiting: ((item: T) => void)[] = [];

  /** How many have come and were not asked for. */
  get length(): number {
    return this.items.length;
  }

  push(item: T): void {
    const waiter = this.waiting.shift();
    if (waiter !== undefined) waiter(item);
    else this.items.push(item);
  }

  next(): Promise<T> {
    const item = this.items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Everything that has come and was not asked for. */
  drain(): T[] {
    return this.items.splice(0);
  }
}
