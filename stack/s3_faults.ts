import type { Fault, S3RequestRecord } from "./s3/types.ts";

/** Which requests to the S3 server a fault is for; what is absent does not matter. */
export interface S3FaultRule {
  /** The name of S3's operation, such as PutObject. */
  readonly route?: string;
  readonly bucket?: string;
  /** Text that the key contains. */
  readonly keyContains?: string;
  /** How many requests to let pass before; 0 by default. */
  readonly skip?: number;
  /** How many requests it strikes; 1 by default. */
  readonly count?: number;
  readonly fault: Fault;
}

/** Rules for the S3 server's faults, each used up by the requests that it strikes. */
export class S3Faults {
  #rules: { rule: S3FaultRule; skip: number; left: number }[] = [];

  /** Lets the next requests that fit the rule go wrong. Rules are tried in the order given. */
  add(rule: S3FaultRule): void {
    this.#rules.push({ rule, skip: rule.skip ?? 0, left: rule.count ?? 1 });
  }

  /** Takes back all rules, or those for one bucket. */
  clear(bucket?: string): void {
    const kept = (rule: S3FaultRule) => bucket !== undefined && rule.bucket !== bucket;
    this.#rules = this.#rules.filter(({ rule }) => kept(rule));
  }

  /** The fault for a request that has just arrived. */
  take(record: Readonly<S3RequestRecord>): Fault | undefined {
    const entry = this.#rules.find(({ rule, left }) => left > 0 && fits(rule, record));
    if (entry === undefined) return undefined;
    if (entry.skip > 0) {
      entry.skip--;
      return undefined;
    }
    entry.left--;
    return entry.rule.fault;
  }
}

function fits(rule: S3FaultRule, record: Readonly<S3RequestRecord>): boolean {
  return (rule.route === undefined || rule.route === record.route) &&
    (rule.bucket === undefined || rule.bucket === record.bucket) &&
    (rule.keyContains === undefined || (record.key ?? "").includes(rule.keyContains));
}
