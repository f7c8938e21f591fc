/** Holding back what would be too much at once. */

/**
 * Lets those in who together weigh no more than its capacity, in the order in which they came; one
 * that is heavier than the capacity goes alone.
 */
export class Semaphore {
  #weight = 0;
  readonly #waiting: { readonly weight: number; readonly enter: () => void }[] = [];

  constructor(readonly capacity: number) {}

  /** Waits to be let in with a weight. What it resolves to must be called once, to go again. */
  async enter(weight: number): Promise<() => void> {
    if (this.#waiting.length > 0 || !this.#fits(weight)) {
      await new Promise<void>((enter) => this.#waiting.push({ weight, enter }));
    } else {
      this.#weight += weight;
    }
    return () => this.#leave(weight);
  }

  #fits(weight: number): boolean {
    return this.#weight === 0 || this.#weight + weight <= this.capacity;
  }

  #leave(weight: number): void {
    this.#weight -= weight;
    for (let next = this.#waiting[0]; next && this.#fits(next.weight); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#weight += next.weight;
      next.enter();
    }
  }
}
