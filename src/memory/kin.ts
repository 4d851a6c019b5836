/** A memory that may hold segments of others. */
interface Borrower {
  /** Puts a copy in the place of a segment whose owner is about to write to it. */
  replace(number: number, lent: Int32Array, kept: Int32Array): void;
}

/** References to memories nobody uses are dropped when there are this many new ones. */
const SWEEP_EVERY = 32;

/**
 * Memories that were forked from one another and may share segments. It keeps none of them alive, so that
 * a fork that was dropped costs its relatives nothing.
 */
export class Kin {
  private members: WeakRef<Borrower>[] = [];
  private sinceSweep = 0;

  add(memory: Borrower): void {
    if (++this.sinceSweep >= SWEEP_EVERY) {
      this.members = this.members.filter((one) => one.deref() !== undefined);
      this.sinceSweep = 0;
    }
    this.members.push(new WeakRef(memory));
  }

  /** Gives all others that hold a segment one copy of it, since its owner is about to write to it. */
  leave(owner: Borrower, number: number, lent: Int32Array): void {
    const kept = lent.slice();
    for (const one of this.members) {
      const member = one.deref();
      if (member !== undefined && member !== owner) member.replace(number, lent, kept);
    }
  }
}
