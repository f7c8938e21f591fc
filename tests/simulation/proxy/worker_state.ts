/** What is known of a lane from outside: whether it works, sleeps, has died or ended. */
export class WorkerState {
  #over: "dead" | "ended" | undefined;
  #sleeping = 0;
  #changed = Promise.withResolvers<void>();

  constructor(readonly number: number) {}

  get dead(): boolean {
    return this.#over === "dead";
  }

  /** Whether it can go on without being woken. What a lane asks for at once may sleep in part. */
  get working(): boolean {
    return this.#over === undefined && this.#sleeping === 0;
  }

  /** One of its requests falls asleep. */
  sleep(): void {
    this.#sleeping += 1;
    this.#runScenario();
  }

  /** One of its requests is awake again. */
  wake(): void {
    this.#sleeping -= 1;
    this.#runScenario();
  }

  die(): void {
    this.#over = "dead";
    this.#runScenario();
  }

  /** Its slice returned; what a dead one does in its last moments does not count. */
  end(): void {
    this.#over ??= "ended";
    this.#runScenario();
  }

  /** Resolves when it is another than now. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  #runScenario(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
