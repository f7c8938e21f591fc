import type { Kind } from "../proxy/request_kinds.ts";
import type { Party } from "../proxy/step.ts";
import type { VirtualClock } from "../environment/virtual_clock.ts";
import { corruptResponse, drip } from "./corrupt_responses.ts";
import type { ServerFault } from "./names.ts";

/** A request into which a fault is injected. */
export interface FaultContext {
  readonly party: Party;
  readonly request: Request;
  readonly kind: Kind;
  /** The number of the step. */
  readonly step: number;
  /** Aborts the request when it times out. */
  readonly signal: AbortSignal | undefined;
  readonly clock: VirtualClock;
  /** Sends it and returns the complete response. */
  readonly send: () => Promise<Response>;
  /** Follows a redirect. */
  readonly follow: () => Promise<Response>;
  /** Reports that the fault had nothing to corrupt and the response is correct. */
  readonly notApplied: () => void;
}

/** The Retry-After of a busy server, in seconds: short enough to wait for, and too long. */
const SHORT_WAIT_SECONDS = 2;
const LONG_WAIT_SECONDS = 120;

/** Returns a server's response under a fault. */
export async function respondWithFault(
  fault: ServerFault,
  injected: FaultContext,
): Promise<Response> {
  switch (fault) {
    case "status_429":
      return new Response("slow down", { status: 429 });
    case "status_429_wait":
      return busy(429, SHORT_WAIT_SECONDS);
    case "status_503":
      return new Response(null, { status: 503 });
    case "status_503_wait":
      return busy(503, LONG_WAIT_SECONDS);
    case "reset":
      throw new TypeError("error sending request: connection reset");
    case "redirect":
      return await redirected(injected);
    case "html_page":
      return new Response("<html><title>Bad gateway</title></html>", {
        status: 502,
        headers: { "content-type": "text/html" },
      });
    case "empty_200":
      return new Response(injected.request.method === "HEAD" ? null : "", { status: 200 });
    case "expired_key":
      return expired(injected);
    case "delete_locked":
      return s3Refusal("AccessDenied", "Access Denied because object protected by object lock.");
    case "slow_drip":
      return await drip(injected);
    default:
      return await corruptResponse(fault, injected);
  }
}

function busy(status: number, seconds: number): Response {
  return new Response("slow down", { status, headers: { "retry-after": String(seconds) } });
}

/** Without S3's 301: S3 itself answers it for a bucket in another region. */
const REDIRECTS = { s3: [302, 303, 307, 308], storage: [301, 302, 303, 307, 308], sql: [] };

/** Does what fetch does, depending on the request's `redirect`. */
async function redirected({ party, request, step, follow }: FaultContext): Promise<Response> {
  if (request.redirect === "follow") return await follow();
  if (request.redirect === "error") throw new TypeError("a redirect was not to be followed");
  const statuses = REDIRECTS[party];
  const status = statuses[step % statuses.length]!;
  return new Response(null, { status, headers: { location: "http://redirected.invalid/" } });
}

/** Two variants for each server: Storage and its gateway, an expired key and a deleted one. */
function expired({ party, request: { method, url } }: FaultContext): Response {
  const either = url.length % 2 === 0;
  if (party === "storage") {
    return either ? Response.json({ message: "Invalid JWT" }, { status: 401 }) : Response.json({
      statusCode: "403",
      error: "Unauthorized",
      message: '"exp" claim timestamp check failed',
    }, { status: 400 });
  }
  if (method === "HEAD") return new Response(null, { status: 403 });
  return either
    ? s3Refusal("ExpiredToken", "The provided token has expired.")
    : s3Refusal("InvalidAccessKeyId", "The key that you provided does not exist in our records.");
}

function s3Refusal(code: string, message: string): Response {
  return new Response(`<Error><Code>${code}</Code><Message>${message}</Message></Error>`, {
    status: 403,
    headers: { "content-type": "application/xml" },
  });
}
