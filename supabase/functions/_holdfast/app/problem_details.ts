/** Error responses: application/problem+json (RFC 9457) with Holdfast's code and remedy. */
import { ERRORS, HoldfastError } from "../config/errors.ts";
import { logUnexpected } from "../observability/log.ts";
import { sanitizeJson } from "../lib/text/sanitize.ts";
import { redact } from "../observability/redact.ts";

/**
 * Makes the response to an error. An unexpected error is logged with its stack. Its message is not
 * sent, because it may hold internal data.
 */
export function problemResponse(error: unknown): Response {
  const known = error instanceof HoldfastError;
  if (!known) logUnexpected(error);
  const code = known ? error.code : "internal";
  const { status, title } = ERRORS[code];
  const problem = {
    type: `https://github.com/holdfast-backup/holdfast/blob/main/docs/ERRORS.md#${code}`,
    title,
    status,
    code,
    detail: known ? error.message : "The function's log has the details.",
    remedy: known ? error.remedy : ERRORS.internal.remedy,
    ...(known && error.faults.length > 0 ? { errors: error.faults } : {}),
  };
  // Facts follow the standard fields and never replace one of them.
  const body = known ? { ...problem, ...error.facts, ...problem } : problem;
  return new Response(`${redact(sanitizeJson(body, 2))}\n`, {
    status,
    headers: {
      "content-type": "application/problem+json",
      ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
    },
  });
}
