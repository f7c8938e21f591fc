import { Random } from "../../simulation/run/random.ts";

/** What may happen to a request over HTTP. */
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

/** What may happen to a statement: its connection is cut before it, or before its answer. */
export const SQL_FAULTS = ["cut_before", "lose_reply"] as const;

/** What may happen to a post of pg_net's: most are as lost as pg_net loses them. */
export const POST_FAULTS = ["cut_before", "lose_reply", "doubled"] as const;

/** Whom a request is for; `post`: the functions themselves, asked by SQL. */
export type Receiver = "storage" | "s3" | "sql" | "post";

/** How a request goes wrong. */
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

/** What goes wrong on the way of the functions' requests: a share of them, chosen by a seed. */
export class FaultSchedule {
  /** While it is calm, nothing goes wrong. */
  calm = true;
  /** Requests that passed, by receiver. */
  readonly requests = new Map<string, number>();
  /** Faults that were dealt, by receiver and kind. */
  readonly dealt = new Map<string, number>();
  readonly #random: Random;

  /** @param share of all requests that go wrong, from 0 to 1 */
  constructor(seed: number, readonly share: number) {
    this.#random = new Random(seed);
  }

  /** What is to happen to a request; undefined where nothing is. */
  strike(receiver: Receiver): RandomFault | undefined {
    count(this.requests, receiver);
    // The same numbers are drawn however calm it is.
    const injected = this.#random.chance(this.share);
    const fault = this.#random.one(FAULTS[receiver]);
    if (this.calm || !injected) return undefined;
    count(this.dealt, `${receiver} ${fault}`);
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
