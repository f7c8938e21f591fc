import type { Transport } from "../../../supabase/functions/_holdfast/lib/http/transport.ts";
import { TestClock } from "./test_clock.ts";

/** A request as it was sent. */
export interface SentRequest {
  method: string;
  url: URL;
  headers: Headers;
  body: Uint8Array | undefined;
}

/** The response to one request; fetch throws an Error. */
export type Answer = Response | Error | ((request: SentRequest) => Response);

/**
 * A transport whose fetch gives these answers, the last one again and again. It records what was sent,
 * and its waits take no time.
 */
export class FakeTransport implements Transport {
  readonly clock: TestClock = new TestClock();
  readonly sent: SentRequest[] = [];
  readonly #answers: Answer[];

  constructor(...answers: Answer[]) {
    this.#answers = answers;
  }

  readonly fetch: typeof fetch = (input, init = {}) => {
    const request: SentRequest = {
      method: init.method ?? "GET",
      url: new URL(String(input)),
      headers: new Headers(init.headers),
      body: init.body as Uint8Array | undefined,
    };
    this.sent.push(request);
    const answer = this.#answers.length > 1 ? this.#answers.shift()! : this.#answers[0]!;
    if (answer instanceof Error) return Promise.reject(answer);
    // A body can be read once: the same answer again is a copy.
    return Promise.resolve(typeof answer === "function" ? answer(request) : answer.clone());
  };
}
