import { createHash } from "node:crypto";
import type { FaultContext } from "./http_faults.ts";
import type { ServerFault } from "./names.ts";

/** A correct response with all of its bytes. */
interface FullResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Sends a request and corrupts its response. */
export async function corruptResponse(
  fault: ServerFault,
  injected: FaultContext,
): Promise<Response> {
  const response = await injected.send();
  const { status } = response;
  const hasBody = response.body !== null;
  const right: FullResponse = { status, headers: response.headers, bytes: await response.bytes() };
  const corrupted = hasBody || fault === "wrong_etag" ? corrupt(fault, right, injected) : undefined;
  if (corrupted) return corrupted;
  injected.notApplied();
  return new Response(hasBody ? right.bytes : null, right);
}

/** The corrupted response; undefined if there is nothing to corrupt. */
function corrupt(
  fault: ServerFault,
  right: FullResponse,
  injected: FaultContext,
): Response | undefined {
  const { status, bytes } = right;
  const headers = new Headers(right.headers);
  switch (fault) {
    case "truncated_body":
      return bytes.length > 0 ? new Response(cut(bytes), { status, headers }) : undefined;
    case "longer_body":
      return new Response(new Blob([bytes, "and more"]).stream(), { status, headers });
    case "flipped_answer":
      return flipped(right, injected);
    case "wrong_etag": {
      if (!headers.has("etag")) return undefined;
      headers.set("etag", '"00000000000000000000000000000000"');
      const none = injected.request.method === "HEAD" || [204, 304].includes(status);
      return new Response(none ? null : bytes, { status, headers });
    }
    case "stale_body":
      return stale(right, injected);
    case "stale_list":
      return shortened(right);
    default:
      throw new RangeError(`${fault} is no fault of an answer`);
  }
}

/** A flipped bit. Not in a part that a backup reads: the etag covers the complete object, so that nothing
 * could detect it. */
function flipped(
  { status, headers, bytes }: FullResponse,
  injected: FaultContext,
): Response | undefined {
  const ofSource = injected.kind === "storage GET";
  if (bytes.length === 0 || (ofSource && injected.request.headers.has("range"))) return undefined;
  // Different bits at each step: a backup that reads the same bytes twice takes the etag for no
  // MD5.
  const bits = ofSource ? 1 + injected.step % 254 : FLIPPED.back;
  return new Response(flip(bytes, bits), { status, headers });
}

/** The bits flipped in a request and in a response: different ones, or the two would cancel out. */
export const FLIPPED = { there: 0xff, back: 0x01 } as const;

/** A copy of the bytes with these bits of the middle byte flipped. */
export function flip(bytes: Uint8Array<ArrayBuffer>, bits: number): Uint8Array<ArrayBuffer> {
  const flipped = bytes.slice();
  const at = bytes.length >> 1;
  if (at < bytes.length) flipped[at] = bytes[at]! ^ bits;
  return flipped;
}

/** A body of which half arrives before the connection breaks. */
function cut(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let sent = false;
  return new ReadableStream({
    pull(controller) {
      if (sent) controller.error(new TypeError("error reading a body from connection"));
      else controller.enqueue(bytes.slice(0, bytes.length >> 1));
      sent = true;
    },
  });
}

/** A cached earlier version of the same length, so that only its etag differs. */
function stale(
  { status, headers, bytes }: FullResponse,
  { request }: FaultContext,
): Response | undefined {
  const ofObject = new URL(request.url).pathname.includes("/object/");
  if (!ofObject || bytes.length === 0 || (status !== 200 && status !== 206)) return undefined;
  const olderBytes = bytes.map((byte) => byte ^ 1);
  const older = new Headers(headers);
  older.set("etag", `"${createHash("md5").update(olderBytes).digest("hex")}"`);
  older.set("cf-cache-status", "HIT");
  older.set("age", "59");
  return new Response(olderBytes, { status, headers: older });
}

const LISTED = /<(Contents|Upload)>(?:(?!<\/\1>)[\s\S])*<\/\1>(?![\s\S]*<\1>)/;

/** A listing without its newest key or upload. Keys of the log are in the order of time. */
function shortened({ status, headers, bytes }: FullResponse): Response | undefined {
  const text = new TextDecoder().decode(bytes);
  if (!LISTED.test(text)) return undefined;
  const shorter = new Headers(headers);
  shorter.delete("content-length");
  return new Response(text.replace(LISTED, ""), { status, headers: shorter });
}

/** A response that arrives byte by byte until the request times out. */
export async function drip(injected: FaultContext): Promise<Response> {
  const { clock, signal } = injected;
  const response = await injected.send();
  const bytes = await response.bytes();
  const timeoutError = () => signal?.reason ?? new TypeError("the connection timed out");
  if (bytes.length < 2) {
    await clock.passUntil(signal, () => signal?.aborted ?? false);
    throw timeoutError();
  }
  let sent = 0;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      if (sent < 2) return controller.enqueue(bytes.slice(sent, ++sent));
      await clock.passUntil(signal, () => cancelled || (signal?.aborted ?? false));
      controller.error(timeoutError());
    },
    cancel() {
      cancelled = true;
    },
  }, { highWaterMark: 0 });
  return new Response(body, response);
}
