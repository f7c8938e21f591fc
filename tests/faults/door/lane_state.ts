type Condition = "working" | "asleep" | "dead" | "ended";

/** What is known of a lane from outside: whether it works, sleeps, has died or ended. */
export class LaneState {
  #state: Condition = "working";
  #changed = Promise.withResolvers<void>();

  constructor(readonly number: number) {}

  get dead(): boolean {
    return this.#state === "dead";
  }

  /** Whether it can ask for anything without being woken. */
  get working(): boolean {
    return this.#state === "working";
  }

  set asleep(asleep: boolean) {
    this.#become(asleep ? "asleep" : "working");
  }

  die(): void {
    this.#become("dead");
  }

  /** Its slice returned; what a dead one does in its last moments does not count. */
  end(): void {
    if (!this.dead) this.#become("ended");
  }

  /** Resolves when it is another than now. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  #become(state: Condition): void {
    this.#state = state;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
