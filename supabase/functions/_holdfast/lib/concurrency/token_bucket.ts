/** A token bucket that allows debt. */

/**
 * Limits an average rate. The bucket holds the tokens of one second. More may be taken than it holds,
 * because the size of a response is known only when it arrives. The next start waits for the debt.
 */
export class TokenBucket {
  #perSecond: number | null = null;
  #level = 0;
  #filledAt: number;

  /** @param now returns monotonic milliseconds */
  constructor(readonly now: () => number) {
    this.#filledAt = now();
  }

  /** Sets the rate in tokens a second; null for no limit. A debt is kept. */
  setRate(perSecond: number | null): void {
    if (perSecond === this.#perSecond) return;
    this.#fill();
    if (this.#perSecond === null) this.#level = perSecond ?? 0;
    else if (perSecond !== null) this.#level = Math.min(this.#level, perSecond);
    this.#perSecond = perSecond;
  }

  /** Takes tokens; a negative amount returns them. */
  take(amount: number): void {
    if (this.#perSecond === null) return;
    this.#fill();
    this.#level -= amount;
  }

  /** Milliseconds until the next request may start. */
  waitMs(): number {
    if (this.#perSecond === null) return 0;
    this.#fill();
    return this.#level > 0 ? 0 : Math.ceil(1000 * -this.#level / this.#perSecond) + 1;
  }

  #fill(): void {
    const now = this.now();
    const perSecond = this.#perSecond ?? 0;
    this.#level = Math.min(perSecond, this.#level + perSecond * (now - this.#filledAt) / 1000);
    this.#filledAt = now;
  }
}
