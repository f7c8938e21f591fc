import { exceptionFor, RANDOM_FAULTS } from "../fault_catalogue/pairs.ts";
import { type Kind, KINDS } from "../proxy/request_kinds.ts";
import type { FaultName, Step } from "../proxy/step.ts";

/** So often each fault meets each kind of request, at least, in a run of that many seeds. */
export const LEAST_MEETINGS = 20;
export const SEEDS_FOR_LEAST = 300;

/** How often each fault met each kind of request. */
export class PairCounts {
  readonly #counts = new Map<string, number>();

  /** Counts what struck. */
  add(injected: readonly { readonly step: Step; readonly faultName: FaultName }[]): void {
    for (const { step: { kind }, faultName } of injected) {
      this.#counts.set(`${faultName} ${kind}`, this.of(faultName, kind) + 1);
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
  of(faultName: FaultName, kind: Kind): number {
    return this.#counts.get(`${faultName} ${kind}`) ?? 0;
  }

  /** Pairs of the alphabet that met less often than they should have. */
  shortfalls(least = LEAST_MEETINGS): string[] {
    return RANDOM_FAULTS.flatMap((fault) =>
      KINDS.filter((kind) => exceptionFor(fault, kind) === undefined)
        .filter((kind) => this.of(fault, kind) < least)
        .map((kind) => `${fault} met ${kind} ${this.of(fault, kind)} times`)
    );
  }

  /** A line for each fault that met anything, with what it met. */
  lines(faultNames: readonly FaultName[]): string[] {
    return faultNames.filter((faultName) => KINDS.some((kind) => this.of(faultName, kind) > 0)).map(
      (faultName) => {
        const met = KINDS.filter((kind) => this.of(faultName, kind) > 0)
          .map((kind) => `${kind} ${this.of(faultName, kind)}`);
        return `  ${faultName}: ${met.join(", ")}`;
      },
    );
  }
}
