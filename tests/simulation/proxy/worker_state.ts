/** A worker as the proxy sees it: active, delayed, crashed or ended. */
export class WorkerState {
  #over: "dead" | "ended" | undefined;
  #sleeping = 0;
  #changed = Promise.withResolvers<void>();

  constructor(readonly number: number) {}

  get dead(): boolean {
    return this.#over === "dead";
  }

  /** Whether none of its requests is delayed and it has not ended. */
  get working(): boolean {
    return this.#over === undefined && this.#sleeping === 0;
  }

  /** Counts one of its requests as delayed. */
  sleep(): void {
    this.#sleeping += 1;
    this.#notify();
  }

  /** Counts one of its requests as resumed. */
  wake(): void {
    this.#sleeping -= 1;
    this.#notify();
  }

  die(): void {
    this.#over = "dead";
    this.#notify();
  }

  /** Its slice returned. A crashed worker stays crashed. */
  end(): void {
    this.#over ??= "ended";
    this.#notify();
  }

  /** Resolves at the next change. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
