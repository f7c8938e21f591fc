/** JSON responses. */
import { sanitizeJson } from "../lib/text/sanitize.ts";

/**
 * Makes a JSON response. Control characters are escaped, because names and messages from outside
 * may hold escape sequences that a terminal would execute.
 *
 * @param status HTTP status
 * @param headers further headers
 */
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
