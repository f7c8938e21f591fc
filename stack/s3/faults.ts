import { delay } from "../delay.ts";
import type { IncomingBody } from "./body/incoming.ts";
import type { Reply } from "./request.ts";
import type { Fault } from "./types.ts";
import { xmlError } from "./xml.ts";

/** How to continue a request after the first step of its fault. */
export type FaultOutcome =
  | { readonly kind: "serve"; readonly loseReply: boolean; readonly cutAfterBytes?: number }
  | { readonly kind: "answer"; readonly reply: Reply }
  | { readonly kind: "cut" };

/** Applies the part of a fault before a request is served. `stopping` aborts a delay early. */
export async function applyFault(
  fault: Fault | undefined,
  body: IncomingBody,
  stopping: AbortSignal,
): Promise<FaultOutcome> {
  if (fault?.delayMilliseconds) await delay(fault.delayMilliseconds, stopping);
  if (stopping.aborted) return { kind: "cut" };
  switch (fault?.kind) {
    case "error":
      return { kind: "answer", reply: faultReply(fault) };
    case "reset":
      if (fault.when === "after_body") await body.drain();
      return { kind: "cut" };
    case "truncate":
      return { kind: "serve", loseReply: false, cutAfterBytes: fault.afterBytes };
    case "lose_reply":
      return { kind: "serve", loseReply: true };
    default:
      return { kind: "serve", loseReply: false };
  }
}

function faultReply(fault: Extract<Fault, { kind: "error" }>): Reply {
  const headers: Record<string, string> = {};
  if (fault.retryAfterSeconds !== undefined) {
    headers["retry-after"] = String(fault.retryAfterSeconds);
  }
  const message = fault.message ?? "This error was asked for by a test.";
  return { status: fault.status, headers, body: xmlError({ Code: fault.code, Message: message }) };
}
