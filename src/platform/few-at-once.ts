/** Lets a few pieces of work go on at once; those who come meanwhile wait, first come first. */
export class FewAtOnce {
  private readonly waiting: (() => void)[] = [];
  private going = 0;

  constructor(private readonly most: number) {}

  /** Does the work when there is room for it, and gives what it gives. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    // Who is called in takes the place of the one who went.
    if (this.going < this.most) this.going++;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.going--;
      else next();
    }
  }
}
