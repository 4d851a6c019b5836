/** Commands the platforms of a server have, at most, for each piece of a snapshot that is written meanwhile. */
export const COMMANDS_A_PIECE = 64;

/**
 * Lets commands wait for the snapshot under way when it gets too little done. Without that a flood of commands
 * leaves it so few turns that it is old when it is whole; with it, it is as old as it has pieces, times
 * {@link COMMANDS_A_PIECE}, at most.
 */
export class Pace {
  /** Commands there may be before the next piece; null while nothing is under way. */
  private allowed: number | null = null;
  private wait: { readonly over: Promise<void>; readonly end: () => void } | null = null;

  /** The same pieces; commands keep their pace until the last. */
  async *keptBy<T>(pieces: AsyncIterable<T>): AsyncGenerator<T> {
    this.allowed = COMMANDS_A_PIECE;
    try {
      for await (const piece of pieces) {
        // Whoever asks for the next has done with this one.
        yield piece;
        this.allowed += COMMANDS_A_PIECE;
        this.goOn();
      }
    } finally {
      this.allowed = null;
      this.goOn();
    }
  }

  /** To be called at each command. */
  command(): void {
    if (this.allowed !== null) this.allowed--;
  }

  /** What a command has to wait for now; null when it can go on. */
  turn(): Promise<void> | null {
    if (this.allowed === null || this.allowed > 0) return null;
    if (this.wait === null) {
      let end = () => {};
      const over = new Promise<void>((resolve) => (end = resolve));
      this.wait = { over, end };
    }
    return this.wait.over;
  }

  private goOn(): void {
    this.wait?.end();
    this.wait = null;
  }
}
