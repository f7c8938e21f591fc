import { setImmediate } from "node:timers";
import type { Random } from "../run/random.ts";

/**
 * Whose turn it is, of requests of which one is under way at a time. They go in the order in which
 * they came; or where chance decides, in any: all that lanes do at once happens in every order.
 */
export class RequestQueue {
  readonly #waiting: (() => void)[] = [];
  #taken = false;

  constructor(private readonly chance?: Random) {}

  /** Waits for a turn; what it resolves to ends it, once. */
  async take(): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    this.#goOn();
    await promise;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#taken = false;
      this.#goOn();
    };
  }

  #goOn(): void {
    if (this.#taken || this.#waiting.length === 0) return;
    this.#taken = true;
    if (!this.chance) return this.#waiting.shift()!();
    // Who just got an answer asks again in a moment: else the others would always be before it.
    setImmediate(() => setImmediate(() => this.#letOneGo(this.chance!)));
  }

  #letOneGo(chance: Random): void {
    const [go] = this.#waiting.splice(chance.between(0, this.#waiting.length - 1), 1);
    go!();
  }
}
