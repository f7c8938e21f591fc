import { exceptionFor, WEATHER_FAULTS } from "../alphabet/pairs.ts";
import { type Kind, KINDS } from "../door/kinds.ts";
import type { Step, Way } from "../door/step.ts";

/** So often each fault meets each kind of request, at least, in a run of that many seeds. */
export const LEAST_MEETINGS = 20;
export const SEEDS_FOR_LEAST = 300;

/** How often each fault met each kind of request. */
export class Counts {
  readonly #counts = new Map<string, number>();

  /** Counts what struck. */
  add(struck: readonly { readonly step: Step; readonly way: Way }[]): void {
    for (const { step: { kind }, way } of struck) {
      this.#counts.set(`${way} ${kind}`, this.of(way, kind) + 1);
    }
  }

  /** Adds what another process counted, as its `toJSON` gave it. */
  addAll(counted: Readonly<Record<string, number>>): void {
    for (const [pair, count] of Object.entries(counted)) {
      this.#counts.set(pair, (this.#counts.get(pair) ?? 0) + count);
    }
  }

  /** The counts by pair, for `addAll` of another process. */
  toJSON(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  /** How often a fault met a kind of request. */
  of(way: Way, kind: Kind): number {
    return this.#counts.get(`${way} ${kind}`) ?? 0;
  }

  /** Pairs of the alphabet that met less often than they should have. */
  shortfalls(least = LEAST_MEETINGS): string[] {
    return WEATHER_FAULTS.flatMap((fault) =>
      KINDS.filter((kind) => exceptionFor(fault, kind) === undefined)
        .filter((kind) => this.of(fault, kind) < least)
        .map((kind) => `${fault} met ${kind} ${this.of(fault, kind)} times`)
    );
  }

  /** A line for each fault that met anything, with what it met. */
  lines(ways: readonly Way[]): string[] {
    return ways.filter((way) => KINDS.some((kind) => this.of(way, kind) > 0)).map((way) => {
      const met = KINDS.filter((kind) => this.of(way, kind) > 0)
        .map((kind) => `${kind} ${this.of(way, kind)}`);
      return `  ${way}: ${met.join(", ")}`;
    });
  }
}
