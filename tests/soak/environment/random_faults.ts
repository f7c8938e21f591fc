import { Random } from "../../simulation/run/random.ts";

/** Faults of a request over HTTP. */
export const HTTP_FAULTS = [
  "cut_before",
  "lose_reply",
  "status_429",
  "status_503",
  "html_page",
  "empty_200",
  "truncated_body",
  "longer_body",
  "wrong_etag",
  "slow",
] as const;

/** Faults of a statement: its connection is cut before it, or before its response. */
export const SQL_FAULTS = ["cut_before", "lose_reply"] as const;

/** Faults of a post of pg_net. Most lose it, as pg_net does. */
export const POST_FAULTS = ["cut_before", "lose_reply", "doubled"] as const;

/** The receiver of a request; `post`: a function that SQL calls through pg_net. */
export type Receiver = "storage" | "s3" | "sql" | "post";

/** The name of a fault. */
export type RandomFault =
  | (typeof HTTP_FAULTS)[number]
  | (typeof SQL_FAULTS)[number]
  | (typeof POST_FAULTS)[number];

const FAULTS: Readonly<Record<Receiver, readonly RandomFault[]>> = {
  storage: HTTP_FAULTS,
  s3: HTTP_FAULTS,
  sql: SQL_FAULTS,
  post: POST_FAULTS,
};

/** Chooses, by a seed, which share of the functions' requests gets which fault. */
export class FaultSchedule {
  /** While true, no fault is injected. */
  paused = true;
  /** The number of requests by receiver. */
  readonly requests = new Map<string, number>();
  /** The number of injected faults by receiver and name. */
  readonly injectedFaults = new Map<string, number>();
  readonly #random: Random;

  /** @param share the share of all requests that get a fault, from 0 to 1 */
  constructor(seed: number, readonly share: number) {
    this.#random = new Random(seed);
  }

  /** The fault of a request; undefined for none. */
  strike(receiver: Receiver): RandomFault | undefined {
    count(this.requests, receiver);
    // The sequence of random numbers does not depend on `paused`.
    const injected = this.#random.chance(this.share);
    const fault = this.#random.one(FAULTS[receiver]);
    if (this.paused || !injected) return undefined;
    count(this.injectedFaults, `${receiver} ${fault}`);
    return fault;
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** The sum of counts. */
export function totalOf(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, each) => sum + each, 0);
}
