/**
 * Lets a burst through per interval and counts the rest. Linux: ___ratelimit(), lib/ratelimit.c.
 */
export class RateLimit {
  private begin: number | null = null;
  private passed = 0;
  private missed = 0;

  /**
   * @param name function name in the line printed when refused calls are accounted for
   */
  constructor(
    private readonly interval: number,
    private readonly burst: number,
    private readonly name: string,
  ) {}

  /**
   * Whether a call may go through now.
   * @param print takes the line about refused calls when a new interval opens
   */
  allows(now: number, print: (text: string) => void): boolean {
    this.begin ??= now;
    if (now > this.begin + this.interval) {
      if (this.missed > 0) print(`${this.name}: ${this.missed} callbacks suppressed`);
      this.missed = 0;
      this.begin = now;
      this.passed = 0;
    }
    if (this.passed < this.burst) {
      this.passed++;
      return true;
    }
    this.missed++;
    return false;
  }
}
