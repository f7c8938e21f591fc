import type { Answer, BodyStream } from "./exchange.ts";
import { delay } from "../delay.ts";
import type { StorageRequestRecord } from "./request_log.ts";

/**
 * Something to go wrong with a request. All of it is plain data, so that it can be asked for from
 * another process. Several at once are fine: first the wait, then the answer, then its changes.
 */
export interface Fault {
  /** Waits before the request is looked at, milliseconds, or until the rules are cleared. */
  readonly delayMilliseconds?: number;
  /** Answers with this status and Storage's kind of body; the request is not carried out. */
  readonly status?: number;
  /** The code in that answer, whose status is then told in its body alone; null for a body without one. */
  readonly code?: string | null;
  /** What it says in place of the stand-in's own words. */
  readonly message?: string;
  /** The retry-after header of that answer, seconds. */
  readonly retryAfterSeconds?: number;
  /**
   * Breaks the connection without any answer: `before` the request's body is read, or `after` the
   * request was carried out.
   */
  readonly reset?: "before" | "after";
  /** Ends the connection after this many bytes of the answer's body, whose length says more. */
  readonly truncateAfterBytes?: number;
  /** Sends this etag instead, quotes included. */
  readonly etag?: string;
  /** Inverts the byte at this place of the answer's body. */
  readonly flipByteAt?: number;
}

/** Which requests a fault is for; what is absent does not matter. */
export interface FaultRule {
  /** As in StorageRequestRecord. */
  readonly route?: string;
  /** Text that the path and query contain, as they are sent. */
  readonly pathContains?: string;
  /** How many requests to let pass before; 0 by default. */
  readonly skip?: number;
  /** How many requests it strikes; 1 by default. */
  readonly count?: number;
  readonly fault: Fault;
}

/** What a test tells a server to do wrong. */
export class Faults {
  /** Asked for every request; what it gives back comes before the rules. */
  onRequest: ((record: Readonly<StorageRequestRecord>) => Fault | undefined) | undefined;
  #rules: { rule: FaultRule; skip: number; left: number }[] = [];
  #cleared = new AbortController();

  /** Lets the next requests that fit the rule go wrong. Rules are tried in the order given. */
  add(rule: FaultRule): void {
    this.#rules.push({ rule, skip: rule.skip ?? 0, left: rule.count ?? 1 });
  }

  /** Takes back all rules and the hook, and ends the delays under way. */
  clear(): void {
    this.#rules = [];
    this.onRequest = undefined;
    this.#cleared.abort();
    this.#cleared = new AbortController();
  }

  /** Waits so long, or until the rules are cleared. */
  delay(milliseconds: number): Promise<void> {
    return delay(milliseconds, this.#cleared.signal);
  }

  /** The fault for a request that has just arrived; a rule is used up by it. */
  take(record: Readonly<StorageRequestRecord>): Fault | undefined {
    const wanted = this.onRequest?.(record);
    if (wanted) return wanted;
    const entry = this.#rules.find(({ rule, left }) => left > 0 && fits(rule, record));
    if (!entry) return undefined;
    if (entry.skip > 0) {
      entry.skip--;
      return undefined;
    }
    entry.left--;
    return entry.rule.fault;
  }
}

function fits({ route, pathContains }: FaultRule, record: Readonly<StorageRequestRecord>): boolean {
  return (route === undefined || route === record.route) &&
    (pathContains === undefined || record.path.includes(pathContains));
}

/** An answer as a fault changes it. */
export function corrupt(answer: Answer, fault: Fault): Answer {
  const headers = new Headers(answer.headers);
  if (fault.etag !== undefined) headers.set("etag", fault.etag);
  let body = answer.body;
  if (fault.flipByteAt !== undefined) body = flip(body, fault.flipByteAt);
  if (fault.truncateAfterBytes !== undefined) body = truncate(body, fault.truncateAfterBytes);
  return { status: answer.status, headers, body };
}

function streamed(body: Answer["body"]): BodyStream {
  if (body === null) return { length: 0, stream: new Blob().stream() };
  if (!(body instanceof Uint8Array)) return body;
  return { length: body.length, stream: new Blob([body]).stream() };
}

function flip(answerBody: Answer["body"], place: number): BodyStream {
  const { length, stream } = streamed(answerBody);
  let at = 0;
  const flipping = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      const corrupted = chunk.slice();
      if (place >= at && place < at + chunk.length) corrupted[place - at] ^= 0xff;
      at += chunk.length;
      controller.enqueue(corrupted);
    },
  });
  return { length, stream: stream.pipeThrough(flipping) };
}

/** A body that ends early. Its length is at least one byte more, so that it is seen to be cut. */
function truncate(answerBody: Answer["body"], bytes: number): BodyStream {
  const { length, stream } = streamed(answerBody);
  let left = bytes;
  const cutting = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      if (left > 0) controller.enqueue(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) controller.terminate();
    },
  });
  return { length: Math.max(length, bytes + 1), stream: stream.pipeThrough(cutting) };
}
