import { createHash } from "node:crypto";
import type { FaultContext } from "./http_faults.ts";
import type { ServerFault } from "./names.ts";

/** A right answer, all of whose bytes are here. */
interface Whole {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Carries a request out and spoils what is answered. */
export async function corruptResponse(
  fault: ServerFault,
  injected: FaultContext,
): Promise<Response> {
  const response = await injected.send();
  const { status } = response;
  const hasBody = response.body !== null;
  const right: Whole = { status, headers: response.headers, bytes: await response.bytes() };
  const spoilt = hasBody || fault === "wrong_etag" ? spoilWhole(fault, right, injected) : undefined;
  if (spoilt) return spoilt;
  injected.notApplied();
  return new Response(hasBody ? right.bytes : null, right);
}

/** Undefined where there is nothing to spoil. */
function spoilWhole(
  fault: ServerFault,
  right: Whole,
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

/** Of a part that a backup reads nothing can tell it: what the etag speaks of is the whole object. */
function flipped({ status, headers, bytes }: Whole, injected: FaultContext): Response | undefined {
  const ofSource = injected.kind === "storage GET";
  if (bytes.length === 0 || (ofSource && injected.request.headers.has("range"))) return undefined;
  // No way spoils an object twice alike: that is how a backup knows an etag that is no MD5.
  const bits = ofSource ? 1 + injected.step % 254 : FLIPPED.back;
  return new Response(flip(bytes, bits), { status, headers });
}

/** What is flipped of a byte on its way there, and on its way back: not the same, or both would be as nothing. */
export const FLIPPED = { there: 0xff, back: 0x01 } as const;

/** Bytes of which the one in the middle has these bits flipped. */
export function flip(bytes: Uint8Array<ArrayBuffer>, bits: number): Uint8Array<ArrayBuffer> {
  const flipped = bytes.slice();
  const at = bytes.length >> 1;
  if (at < bytes.length) flipped[at] = bytes[at]! ^ bits;
  return flipped;
}

/** A body of which half comes before the connection is gone. */
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

/** What a CDN kept of an earlier version: of the same length, so that only its etag tells. */
function stale({ status, headers, bytes }: Whole, { request }: FaultContext): Response | undefined {
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

/** A listing that does not know its newest key or upload yet; names in a log grow with time. */
function shortened({ status, headers, bytes }: Whole): Response | undefined {
  const text = new TextDecoder().decode(bytes);
  if (!LISTED.test(text)) return undefined;
  const shorter = new Headers(headers);
  shorter.delete("content-length");
  return new Response(text.replace(LISTED, ""), { status, headers: shorter });
}

/** An answer that comes byte by byte, until the request's time is over. */
export async function drip(injected: FaultContext): Promise<Response> {
  const { clock, signal } = injected;
  const response = await injected.send();
  const bytes = await response.bytes();
  const late = () => signal?.reason ?? new TypeError("the connection timed out");
  if (bytes.length < 2) {
    await clock.passUntil(signal, () => signal?.aborted ?? false);
    throw late();
  }
  let sent = 0;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      if (sent < 2) return controller.enqueue(bytes.slice(sent, ++sent));
      await clock.passUntil(signal, () => cancelled || (signal?.aborted ?? false));
      controller.error(late());
    },
    cancel() {
      cancelled = true;
    },
  }, { highWaterMark: 0 });
  return new Response(body, response);
}
