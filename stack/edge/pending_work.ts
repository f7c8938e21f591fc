/** Counts the pending work of a process: requests, and promises passed to `waitUntil`. */
export class PendingWork {
  #counts = { held: 0, pending: 0 };
  #waiting: (() => void)[] = [];
  #ended = false;

  /** Number of requests that hold the process. */
  get held(): number {
    return this.#counts.held;
  }

  set(kind: "held" | "pending", count: number): void {
    this.#counts[kind] = count;
    this.#wake();
  }

  change(kind: "held" | "pending", by: 1 | -1): void {
    this.set(kind, this.#counts[kind] + by);
  }

  /** Clears the pending work, because the process has ended. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Resolves when no request and no promise is pending, or when the process has ended. */
  idle(): Promise<void> {
    return this.isIdle ? Promise.resolve() : new Promise((wake) => this.#waiting.push(wake));
  }

  /** Whether no request and no promise is pending, or the process has ended. */
  get isIdle(): boolean {
    return this.#ended || this.#counts.held + this.#counts.pending === 0;
  }

  #wake(): void {
    if (!this.isIdle) return;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
