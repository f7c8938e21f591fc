import { faultsOf, type RandomFault } from "../fault_catalogue/pairs.ts";
import type { FaultSchedule } from "../proxy/fault_proxy.ts";
import type { Kind } from "../proxy/request_kinds.ts";
import type { FaultName, Party, Step } from "../proxy/step.ts";
import { Random } from "./random.ts";

/** How often faults strike requests of a kind, and how many of them in one telling. */
interface Force {
  readonly share: number;
  readonly most: number;
}

/** On what a scenario's storm is, so that requests that there are few of meet all faults, too. */
const STORM: Force = { share: 0.8, most: 16 };
/** On all else. */
const RAIN: Force = { share: 0.08, most: 2 };
/** Calls to the database are many, and each may end a slice. */
const SQL_STORM: Force = { share: 0.1, most: 10 };

/** So many requests to a party, one after the other, are refused where a key has expired. */
const LONGEST_SPELL = 2;

/**
 * Bad weather: faults of the whole alphabet strike many requests. Which ones, follows from a seed and
 * from what is asked. Each kind of request has its faults dealt like cards, so that all come up.
 */
export class RandomFaults implements FaultSchedule {
  readonly #random: Random;
  readonly #decks = new Map<Kind, RandomFault[]>();
  readonly #injected = new Map<Kind, number>();
  readonly #spells = new Map<Party, number>();
  #cleared = false;

  /** `stormy`: the kinds of request that most faults strike. */
  constructor(seed: number, readonly frequentOn: readonly Kind[]) {
    this.#random = new Random(seed ^ 0x2545f491);
  }

  next({ kind, party }: Step): FaultName | undefined {
    if (this.#cleared) return undefined;
    const left = this.#spells.get(party) ?? 0;
    if (left > 0) {
      this.#spells.set(party, left - 1);
      return "expired_key";
    }
    const { share, most } = this.#forceOn(kind);
    const injected = this.#injected.get(kind) ?? 0;
    if (injected >= most || !this.#random.chance(share)) return undefined;
    this.#injected.set(kind, injected + 1);
    const fault = this.#deal(kind);
    if (fault === "expired_key") this.#spells.set(party, this.#random.between(0, LONGEST_SPELL));
    return fault;
  }

  notApplied({ kind }: Step, faultName: FaultName): void {
    this.#injected.set(kind, (this.#injected.get(kind) ?? 1) - 1);
    this.#decks.get(kind)?.unshift(faultName as RandomFault);
  }

  stop(): void {
    this.#cleared = true;
  }

  /** Whether there are faults left for what its storm is on. */
  get hasMore(): boolean {
    return !this.#cleared &&
      this.frequentOn.some((kind) => (this.#injected.get(kind) ?? 0) < this.#forceOn(kind).most);
  }

  #forceOn(kind: Kind): Force {
    if (!this.frequentOn.includes(kind)) return RAIN;
    return kind === "sql" ? SQL_STORM : STORM;
  }

  #deal(kind: Kind): RandomFault {
    let deck = this.#decks.get(kind) ?? [];
    if (deck.length === 0) deck = this.#random.shuffled(faultsOf(kind));
    const fault = deck.pop()!;
    this.#decks.set(kind, deck);
    return fault;
  }
}
