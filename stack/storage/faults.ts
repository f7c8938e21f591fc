import type { Answer, BodyStream } from "./exchange.ts";
import { delay } from "../delay.ts";
import type { StorageRequestRecord } from "./request_log.ts";

/**
 * An injected fault of a request. It is plain data, so that another process can request it. Several
 * fields can be combined: first the delay applies, then the answer, then its changes.
 */
export interface Fault {
  /** Delay in milliseconds before the request is handled. Clearing the rules ends it. */
  readonly delayMilliseconds?: number;
  /** Answers with this status and an error body without carrying out the request. */
  readonly status?: number;
  /** The code in that answer. The status is then only in the body. Null omits the code. */
  readonly code?: string | null;
  /** The message of that answer instead of the default one. */
  readonly message?: string;
  /** The retry-after header of that answer, seconds. */
  readonly retryAfterSeconds?: number;
  /**
   * Cuts the connection without an answer, `before` the request's body is read or `after` the
   * request is carried out.
   */
  readonly reset?: "before" | "after";
  /**
   * Cuts the connection after this many bytes of the answer's body. Its content-length is larger.
   */
  readonly truncateAfterBytes?: number;
  /** Sends this etag instead, quotes included. */
  readonly etag?: string;
  /** Inverts the byte at this offset of the answer's body. */
  readonly flipByteAt?: number;
}

/** The requests that a fault applies to. An absent field matches all requests. */
export interface FaultRule {
  /** As in StorageRequestRecord. */
  readonly route?: string;
  /** Text that the path and query contain, as sent. */
  readonly pathContains?: string;
  /** Number of matching requests to skip first; 0 by default. */
  readonly skip?: number;
  /** Number of requests to fail; 1 by default. */
  readonly count?: number;
  readonly fault: Fault;
}

/** The injected faults of a server. */
export class Faults {
  /** Called for every request. Its fault has priority over the rules. */
  onRequest: ((record: Readonly<StorageRequestRecord>) => Fault | undefined) | undefined;
  #rules: { rule: FaultRule; skip: number; left: number }[] = [];
  #cleared = new AbortController();

  /** Adds a rule. The first rule in order of addition that matches a request applies. */
  add(rule: FaultRule): void {
    this.#rules.push({ rule, skip: rule.skip ?? 0, left: rule.count ?? 1 });
  }

  /** Removes all rules and the hook, and ends running delays. */
  clear(): void {
    this.#rules = [];
    this.onRequest = undefined;
    this.#cleared.abort();
    this.#cleared = new AbortController();
  }

  /** Waits for this time, or until the rules are cleared. */
  delay(milliseconds: number): Promise<void> {
    return delay(milliseconds, this.#cleared.signal);
  }

  /** Returns the fault for a request that has just arrived, and counts it for the rule. */
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

/** Applies a fault's changes to an answer. */
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

/** A truncated body. Its length is at least one byte larger, so that the client detects it. */
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
