/** Keeping to a rate, on average. */

/**
 * Gives out so much a second, and saves up what one second brings. More may be taken than is there:
 * what is read is known only when it comes. The debt is waited for before the next is begun.
 */
export class TokenBucket {
  #perSecond: number | null = null;
  #level = 0;
  #filledAt: number;

  /** `now` gives milliseconds that never go back. */
  constructor(readonly now: () => number) {
    this.#filledAt = now();
  }

  /** Sets the rate; null for none. A debt stays one. */
  setRate(perSecond: number | null): void {
    if (perSecond === this.#perSecond) return;
    this.#fill();
    if (this.#perSecond === null) this.#level = perSecond ?? 0;
    else if (perSecond !== null) this.#level = Math.min(this.#level, perSecond);
    this.#perSecond = perSecond;
  }

  /** Takes some; a negative amount gives it back. */
  take(amount: number): void {
    if (this.#perSecond === null) return;
    this.#fill();
    this.#level -= amount;
  }

  /** Milliseconds until more may be begun. */
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
