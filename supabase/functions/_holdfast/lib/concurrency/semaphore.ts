/** A weighted semaphore. */

/**
 * Limits the total weight of the holders to a capacity, in order of arrival. A holder that is heavier
 * than the capacity is admitted when there is no other.
 */
export class Semaphore {
  #weight = 0;
  readonly #waiting: { readonly weight: number; readonly enter: () => void }[] = [];

  /** @param capacity largest total weight of the holders */
  constructor(readonly capacity: number) {}

  /** Waits until the weight fits. The returned function releases it and must be called once. */
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
