import { Random } from "../../simulation/run/random.ts";
import type { ReferenceModel } from "../model/reference_model.ts";
import type { SoakProject } from "../environment/soak_project.ts";
import { BUCKETS, fullness } from "./choices.ts";
import { Locks } from "./locks.ts";
import * as operations from "./operations.ts";
import type { Operation, UserContext } from "./operations.ts";

/** So many act at once. */
const USERS = 3;
/** Between two things that a user does, milliseconds at most. */
const REST_MILLISECONDS = 500;

/** How often each is done, relative to all others. */
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

/** People at work in a project; what they do is told to the truth. */
export class Users {
  /** What was done so far. */
  operations = 0;
  readonly locks = new Locks();
  readonly #underWay = new Set<Promise<unknown>>();
  #going = Promise.resolve();
  #resume = () => {};

  constructor(
    readonly project: SoakProject,
    readonly model: ReferenceModel,
    readonly seed: number,
  ) {}

  /** Makes the first buckets and acts until told to stop. Fails where an operation does. */
  async work(signal: AbortSignal): Promise<void> {
    await Promise.all(
      Array.from({ length: USERS }, (_, number) => this.#workAlone(number, signal)),
    );
  }

  /** Makes all buckets, before anybody else works. */
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

  /** Something that changes the project, and is told to the truth before it ends. */
  async track<Result>(change: Promise<Result>): Promise<Result> {
    this.#underWay.add(change);
    try {
      return await change;
    } finally {
      this.#underWay.delete(change);
    }
  }

  /** Resolves when the truth knows of all that has begun by now. */
  async reported(): Promise<void> {
    await Promise.allSettled([...this.#underWay]);
  }

  /** Lets nobody begin anything; resolves when all have ended what they did. */
  async pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#going = promise;
    this.#resume = resolve;
    await this.reported();
  }

  resume(): void {
    this.#resume();
  }
}

function choose(random: Random, full: number): Operation {
  // Where there is little, more comes; where there is much, more goes.
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
