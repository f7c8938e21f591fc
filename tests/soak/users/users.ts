import { Random } from "../../simulation/run/random.ts";
import type { ReferenceModel } from "../model/reference_model.ts";
import type { SoakProject } from "../environment/soak_project.ts";
import { BUCKETS, fullness } from "./choices.ts";
import { Locks } from "./locks.ts";
import * as operations from "./operations.ts";
import type { Operation, UserContext } from "./operations.ts";

/** The number of concurrent users. */
const USERS = 3;
/** The longest pause between two operations of a user. */
const REST_MILLISECONDS = 500;

/** The relative frequency of each operation. */
const HABITS: readonly (readonly [weight: number, operation: Operation])[] = [
  [30, operations.overwrite],
  [14, operations.move],
  [10, operations.edit],
  [6, operations.recreate],
  [6, operations.replace],
  [4, operations.copy],
  [2, operations.makeBucket],
  [1, operations.deleteBucket],
  [1, operations.loseBytes],
  [2, operations.repairLost],
];

/** Users who change a project. Their changes are recorded in the reference model. */
export class Users {
  /** The number of operations so far. */
  operations = 0;
  readonly locks = new Locks();
  readonly #running = new Set<Promise<unknown>>();
  #going = Promise.resolve();
  #resume = () => {};

  constructor(
    readonly project: SoakProject,
    readonly model: ReferenceModel,
    readonly seed: number,
  ) {}

  /** Runs operations until the signal aborts. Throws the error of a failed operation. */
  async work(signal: AbortSignal): Promise<void> {
    await Promise.all(
      Array.from({ length: USERS }, (_, number) => this.#workAlone(number, signal)),
    );
  }

  /** Creates all buckets, before other activity. */
  async open(): Promise<void> {
    const environment = this.#context(new Random(this.seed));
    for (const _ of BUCKETS) await operations.makeBucket(environment);
  }

  async #workAlone(number: number, signal: AbortSignal): Promise<void> {
    const environment = this.#context(new Random(this.seed + 1 + number));
    const { random } = environment;
    while (!signal.aborted) {
      await this.#going;
      if (signal.aborted) return;
      const operation = choose(random, fullness(this.model));
      if (await this.track(operation(environment))) this.operations++;
      await rest(random.between(0, REST_MILLISECONDS));
    }
  }

  #context(random: Random): UserContext {
    return { project: this.project, model: this.model, locks: this.locks, random };
  }

  /** Tracks a change of the project, which records itself in the reference model before it ends. */
  async track<Result>(change: Promise<Result>): Promise<Result> {
    this.#running.add(change);
    try {
      return await change;
    } finally {
      this.#running.delete(change);
    }
  }

  /** Resolves when the reference model contains all changes that have begun. */
  async recorded(): Promise<void> {
    await Promise.allSettled([...this.#running]);
  }

  /** Starts no further operations; resolves when all current ones have ended. */
  async pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#going = promise;
    this.#resume = resolve;
    await this.recorded();
  }

  resume(): void {
    this.#resume();
  }
}

function choose(random: Random, full: number): Operation {
  // A project with few objects gets more uploads, one with many more deletions.
  const habits = [...HABITS, [30 * (1.5 - full), operations.put], [
    12 * full,
    operations.remove,
  ]] as typeof HABITS;
  const total = habits.reduce((sum, [weight]) => sum + Math.max(0, weight), 0);
  let left = random.fraction() * total;
  for (const [weight, operation] of habits) {
    left -= Math.max(0, weight);
    if (left < 0) return operation;
  }
  return operations.overwrite;
}

function rest(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
