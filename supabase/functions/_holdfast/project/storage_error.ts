/** What Storage says where it does not answer what was asked for. */
import { z } from "zod";
import { parseIfJson } from "../lib/codecs/json.ts";
import { sanitizeText } from "../lib/text/sanitize.ts";
import { redact } from "../observability/redact.ts";

const errorBody = z.object({
  statusCode: z.union([z.string(), z.number()]).transform(String).optional(),
  error: z.string().optional(),
  message: z.string().optional(),
  code: z.string().optional(),
});

/** A refusal as Storage, or what stands before it, states it. */
export interface StorageRefusal {
  readonly message: string;
  /** The status that is meant: Storage answers nearly every error as HTTP 400. */
  readonly stated: string;
  /** The status in Storage's own words; a gateway or a firewall before it speaks for itself alone. */
  readonly own: string | undefined;
  readonly invalidName: boolean;
  /** Whether it refuses the key: `maybe` where it may as well speak of the object. */
  readonly ofKey: "yes" | "maybe" | "no";
}

/** Codes of a token that Storage does not take: bytes are read by nothing else that could be denied. */
const KEY_CODES: ReadonlySet<string> = new Set(["AccessDenied", "InvalidJWT"]);
/** What Storage's own backend refuses comes under this code with the backend's status. */
const BACKEND_CODE = "S3Error";

/** Reads a refusal from an answer's HTTP status and body. */
export function parseRefusal(status: number, text: string): StorageRefusal {
  // None where a proxy's page stands in place of Storage's JSON.
  const body = errorBody.safeParse(parseIfJson(text)).data;
  const own = body?.statusCode;
  const stated = own ?? String(status);
  return {
    message: sanitizeText(redact(body?.message ?? `HTTP ${status}`)),
    stated,
    own,
    invalidName: body?.code === "InvalidKey" || body?.error === "InvalidKey",
    ofKey: isOfKey(own, stated, body?.code),
  };
}

/**
 * A 403 alone tells nothing: the backend answers so for one object that it does not give, such as an
 * archived one, and Storage passes that on; older ones name no code with it.
 */
function isOfKey(
  own: string | undefined,
  stated: string,
  code: string | undefined,
): StorageRefusal["ofKey"] {
  // The gateway knows the keys.
  if (own === undefined) return stated === "401" ? "yes" : "no";
  if (code === BACKEND_CODE || (own !== "401" && own !== "403")) return "no";
  return code !== undefined && KEY_CODES.has(code) ? "yes" : "maybe";
}
