import { faultsOf, type RandomFault } from "../fault_catalogue/pairs.ts";
import type { FaultSchedule } from "../proxy/fault_proxy.ts";
import type { Kind } from "../proxy/request_kinds.ts";
import type { FaultName, Party, Step } from "../proxy/step.ts";
import { Random } from "./random.ts";
import type { WantedPairs } from "./wanted_pairs.ts";

/** The share of the requests of a kind that meet a fault, and the most of them in one run. */
interface Rate {
  readonly share: number;
  readonly most: number;
}

/** For the kinds in focus: a scenario has few requests of them, and they must meet all faults. */
const FOCUS: Rate = { share: 0.8, most: 16 };
/** The same in a steered run, which goes on until its wanted pairs have met. */
const STEERED_FOCUS: Rate = { share: 0.8, most: 64 };
/** The same for kinds with one request per run: each of its attempts may fail. */
const STEERED_RARE: Rate = { share: 0.95, most: 64 };
const RARE_KINDS: readonly Kind[] = ["storage DELETE bucket", "s3 create upload"];
/** For all other kinds. */
const BACKGROUND: Rate = { share: 0.08, most: 2 };
/** For calls to the database in focus: they are many, and each fault may end a slice. */
const SQL_FOCUS: Rate = { share: 0.1, most: 10 };

/** After a request that met an expired key, at most so many more to the same party meet it. */
const MAX_EXPIRED_AFTER = 2;

/**
 * Injects faults of the whole catalogue into many requests. The choice follows from the seed and from
 * the sequence of requests. Each kind of request draws its faults from a shuffled deck, so that every
 * fault is drawn. With `wanted`, the deck holds the wanted pairs, those wanted most often first.
 */
export class RandomFaults implements FaultSchedule {
  readonly #random: Random;
  readonly #decks = new Map<Kind, RandomFault[]>();
  readonly #injected = new Map<Kind, number>();
  readonly #expired = new Map<Party, number>();
  #stopped = false;

  /** @param focus the kinds of request that most faults are injected into */
  constructor(seed: number, readonly focus: readonly Kind[], readonly wanted?: WantedPairs) {
    this.#random = new Random(seed ^ 0x2545f491);
  }

  next({ kind, party }: Step): FaultName | undefined {
    if (this.#stopped) return undefined;
    const expired = this.#expired.get(party) ?? 0;
    if (expired > 0) {
      this.#expired.set(party, expired - 1);
      return "expired_key";
    }
    const { share, most } = this.#rateOf(kind);
    const injected = this.#injected.get(kind) ?? 0;
    if (injected >= most || !this.#random.chance(share)) return undefined;
    const fault = this.#draw(kind);
    if (fault === undefined) return undefined;
    this.#injected.set(kind, injected + 1);
    if (fault === "expired_key") {
      this.#expired.set(party, this.#random.between(0, MAX_EXPIRED_AFTER));
    }
    return fault;
  }

  notApplied({ kind }: Step, faultName: FaultName): void {
    this.#injected.set(kind, (this.#injected.get(kind) ?? 1) - 1);
    this.#decks.get(kind)?.unshift(faultName as RandomFault);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Whether faults remain for the kinds in focus. */
  get hasMore(): boolean {
    return !this.#stopped && this.focus.some((kind) => {
      const injected = this.#injected.get(kind) ?? 0;
      return injected < this.#rateOf(kind).most && (!this.wanted || this.#deckOf(kind).length > 0);
    });
  }

  #rateOf(kind: Kind): Rate {
    if (!this.focus.includes(kind)) return BACKGROUND;
    if (kind === "sql") return SQL_FOCUS;
    if (!this.wanted) return FOCUS;
    return RARE_KINDS.includes(kind) ? STEERED_RARE : STEERED_FOCUS;
  }

  #draw(kind: Kind): RandomFault | undefined {
    return this.#deckOf(kind).pop();
  }

  /** The deck of a kind, refilled when it is empty; that of a wanted kind is dealt once. */
  #deckOf(kind: Kind): RandomFault[] {
    const wanted = this.wanted !== undefined && this.focus.includes(kind);
    let deck = this.#decks.get(kind);
    if (deck === undefined || (deck.length === 0 && !wanted)) {
      deck = wanted ? this.#wantedDeck(kind) : this.#random.shuffled(faultsOf(kind));
      this.#decks.set(kind, deck);
    }
    return deck;
  }

  /** Drawn from its end: first the faults that are wanted most often, each as often as wanted. */
  #wantedDeck(kind: Kind): RandomFault[] {
    const faults = faultsOf(kind);
    const most = Math.max(...faults.map((fault) => this.wanted!.of(fault, kind)));
    const deck: RandomFault[] = [];
    for (let times = 1; times <= most; times++) {
      deck.push(
        ...this.#random.shuffled(faults.filter((fault) => this.wanted!.of(fault, kind) >= times)),
      );
    }
    return deck;
  }
}
