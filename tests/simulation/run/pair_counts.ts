import { PAIRS } from "../fault_catalogue/pairs.ts";
import { type Kind, KINDS } from "../proxy/request_kinds.ts";
import type { FaultName, Step } from "../proxy/step.ts";
import { MIN_MEETINGS } from "./budget.ts";

/** How often a fault met a kind of request. */
export interface PairCount {
  readonly fault: FaultName;
  readonly kind: Kind;
  readonly count: number;
}

/** Counts how often each fault met each kind of request. */
export class PairCounts {
  readonly #counts = new Map<string, number>();

  /** Counts the faults that were injected. */
  add(injected: readonly { readonly step: Step; readonly faultName: FaultName }[]): void {
    for (const { step: { kind }, faultName } of injected) {
      this.#counts.set(`${faultName} ${kind}`, this.of(faultName, kind) + 1);
    }
  }

  /** Adds the counts of another process, as its `toJSON` returned them. */
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

  /** The pair of the catalogue that met least often, of all kinds or of some. */
  least(kinds: readonly Kind[] = KINDS): PairCount {
    return this.#of(kinds).reduce((least, pair) => pair.count < least.count ? pair : least);
  }

  /** Lines for the pairs of the catalogue that met less often than required. */
  shortfalls(least = MIN_MEETINGS, kinds: readonly Kind[] = KINDS): string[] {
    return this.#of(kinds).filter(({ count }) => count < least)
      .map(({ fault, kind, count }) => `${fault} met ${kind} ${count} times`);
  }

  #of(kinds: readonly Kind[]): PairCount[] {
    return PAIRS.filter(({ kind }) => kinds.includes(kind))
      .map(({ fault, kind }) => ({ fault, kind, count: this.of(fault, kind) }));
  }

  /** A line for each fault that was injected, with the kinds of request that it met. */
  lines(faultNames: readonly FaultName[]): string[] {
    return faultNames.filter((name) => KINDS.some((kind) => this.of(name, kind) > 0))
      .map((name) => {
        const met = KINDS.filter((kind) => this.of(name, kind) > 0)
          .map((kind) => `${kind} ${this.of(name, kind)}`);
        return `  ${name}: ${met.join(", ")}`;
      });
  }
}
