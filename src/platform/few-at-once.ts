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

/** The same for each of several owners: what is done for one waits for nothing that is done for another. */
export class FewOfEach<Owner extends object> {
  private readonly byOwner = new WeakMap<Owner, FewAtOnce>();

  constructor(private readonly most: number) {}

  /** See {@link FewAtOnce.run}. */
  run<T>(owner: Owner, work: () => Promise<T>): Promise<T> {
    let few = this.byOwner.get(owner);
    if (few === undefined) this.byOwner.set(owner, (few = new FewAtOnce(this.most)));
    return few.run(work);
  }
}
