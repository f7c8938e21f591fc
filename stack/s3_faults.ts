import type { Fault, S3RequestRecord } from "./s3/types.ts";

/** The requests to the S3 server that a fault applies to. An absent field matches all requests. */
export interface S3FaultRule {
  /** The name of S3's operation, such as PutObject. */
  readonly route?: string;
  readonly bucket?: string;
  /** Text that the key contains. */
  readonly keyContains?: string;
  /** Number of matching requests to skip first; 0 by default. */
  readonly skip?: number;
  /** Number of requests to fail; 1 by default. */
  readonly count?: number;
  readonly fault: Fault;
}

/** Fault rules of the S3 server. A rule ends after its number of requests. */
export class S3Faults {
  #rules: { rule: S3FaultRule; skip: number; left: number }[] = [];

  /** Adds a rule. The first rule in order of addition that matches a request applies. */
  add(rule: S3FaultRule): void {
    this.#rules.push({ rule, skip: rule.skip ?? 0, left: rule.count ?? 1 });
  }

  /** Removes all rules, or those for one bucket. */
  clear(bucket?: string): void {
    const kept = (rule: S3FaultRule) => bucket !== undefined && rule.bucket !== bucket;
    this.#rules = this.#rules.filter(({ rule }) => kept(rule));
  }

  /** Returns the fault for a request that has just arrived. */
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
