/** Answers as JSON. */
import { sanitizeJson } from "../lib/text/sanitize.ts";

/** A value as JSON whose names and words from outside give no terminal an order. */
export function jsonResponse(
  value: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(sanitizeJson(value), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}
