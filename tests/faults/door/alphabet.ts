import { HoldfastError } from "../../../supabase/functions/_holdfast/errors.ts";
import type { Party } from "./step.ts";

/** What servers, and what stands before them, answer when something is wrong with them. */
export const HTTP_FAULTS = [
  "status_429",
  "status_503",
  "reset",
  "html_page",
  "empty_200",
  "truncated_body",
  "longer_body",
  "wrong_etag",
] as const;

/** What PostgreSQL answers when something is wrong with it. */
export const SQL_FAULTS = ["statement_timeout", "serialization_failure", "disk_full"] as const;

/** The name of a fault of a server. */
export type ServerFault = (typeof HTTP_FAULTS)[number] | (typeof SQL_FAULTS)[number];

/** Which faults a party's server is capable of. */
export function faultsOf(party: Party): readonly ServerFault[] {
  return party === "sql" ? SQL_FAULTS : HTTP_FAULTS;
}

/** A server's answer under a fault; `send` carries the request out, where the fault lets it. */
export async function answerUnder(
  fault: ServerFault,
  send: () => Promise<Response>,
): Promise<Response> {
  switch (fault) {
    case "status_429":
      return new Response("slow down", { status: 429, headers: { "retry-after": "0" } });
    case "status_503":
      return new Response(null, { status: 503 });
    case "reset":
      throw new TypeError("error sending request: connection reset");
    case "html_page":
      return new Response("<html><title>Bad gateway</title></html>", {
        status: 502,
        headers: { "content-type": "text/html" },
      });
    case "empty_200":
      return new Response("", { status: 200 });
    default:
      return await spoil(fault, await send());
  }
}

async function spoil(fault: ServerFault, response: Response): Promise<Response> {
  const { status } = response;
  const headers = new Headers(response.headers);
  if (response.body === null) return response;
  const bytes = new Uint8Array(await response.arrayBuffer());
  switch (fault) {
    case "truncated_body":
      return new Response(cut(bytes), { status, headers });
    case "longer_body":
      return new Response(new Blob([bytes, "and more"]).stream(), { status, headers });
    case "wrong_etag":
      headers.set("etag", '"00000000000000000000000000000000"');
      return new Response(bytes, { status, headers });
    default:
      throw new RangeError(`${fault} is no fault of an answer`);
  }
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

/** What a call to PostgreSQL throws under a fault; nothing of it was done. */
export function errorUnder(fault: ServerFault): Error {
  switch (fault) {
    case "disk_full":
      return new HoldfastError("database_read_only", "could not extend file: No space left");
    case "serialization_failure":
      return Object.assign(new Error("could not serialize access"), { code: "40001" });
    default:
      return Object.assign(new Error("canceling statement due to statement timeout"), {
        code: "57014",
      });
  }
}
