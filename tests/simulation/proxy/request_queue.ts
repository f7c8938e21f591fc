import { setImmediate } from "node:timers";
import type { Random } from "../run/random.ts";

/**
 * Lets one request pass at a time: in the order of arrival, or with `chance` in a random order that
 * follows from its seed, so that concurrent workers interleave in every order.
 */
export class RequestQueue {
  readonly #waiting: (() => void)[] = [];
  #taken = false;

  constructor(private readonly chance?: Random) {}

  /**
   * Waits until the request may pass. The caller calls the returned function once when it is done.
   */
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
    // A worker that just got a response sends its next request in a moment; without this wait the
    // others
    // would always pass first.
    setImmediate(() => setImmediate(() => this.#letOneGo(this.chance!)));
  }

  #letOneGo(chance: Random): void {
    const [go] = this.#waiting.splice(chance.between(0, this.#waiting.length - 1), 1);
    go!();
  }
}
