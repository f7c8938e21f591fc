/** Parses the error responses of Storage. */
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

/** An error response of Storage, or of a proxy in front of it. */
export interface StorageRefusal {
  /** Redacted and sanitized. */
  readonly message: string;
  /** The status in the body, else of HTTP. Storage sends nearly every error as HTTP 400. */
  readonly stated: string;
  /** The status in Storage's body; undefined if a gateway or a firewall sent the response. */
  readonly own: string | undefined;
  /** Whether Storage rejects the object's name. */
  readonly invalidName: boolean;
  /** Whether the key is refused. `maybe`: the object may be the reason. */
  readonly ofKey: "yes" | "maybe" | "no";
}

/** Codes of a refused token. For reads of bytes, AccessDenied has no other cause. */
const KEY_CODES: ReadonlySet<string> = new Set(["AccessDenied", "InvalidJWT"]);
/** Code of an error of Storage's own backend, which comes with the backend's status. */
const BACKEND_CODE = "S3Error";

/**
 * Parses an error response.
 *
 * @param status HTTP status
 * @param text the body, or its start
 */
export function parseRefusal(status: number, text: string): StorageRefusal {
  // Undefined if a proxy sent a page instead of Storage's JSON.
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
 * A 403 alone does not mean that the key is refused. The backend returns 403 for a single object, such
 * as an archived one, and Storage forwards it. Older versions of Storage do so without a code.
 */
function isOfKey(
  own: string | undefined,
  stated: string,
  code: string | undefined,
): StorageRefusal["ofKey"] {
  // Without a status of Storage's own, the gateway responded. It checks keys and returns 401.
  if (own === undefined) return stated === "401" ? "yes" : "no";
  if (code === BACKEND_CODE || (own !== "401" && own !== "403")) return "no";
  return code !== undefined && KEY_CODES.has(code) ? "yes" : "maybe";
}
