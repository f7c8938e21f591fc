/** The functions' log: one JSON object a line, with secrets redacted. */
import { messageOf } from "../config/errors.ts";
import { sanitizeJson } from "../lib/text/sanitize.ts";
import { redact } from "./redact.ts";

/**
 * Logs an unexpected error with its stack.
 *
 * @param facts further fields, such as the run and the stage
 */
export function logUnexpected(error: unknown, facts: Readonly<Record<string, unknown>> = {}): void {
  logError({
    ...facts,
    code: "internal",
    message: messageOf(error),
    stack: error instanceof Error ? error.stack : undefined,
  });
}

/** Logs an error as one line with these fields. */
export function logError(facts: Readonly<Record<string, unknown>>): void {
  write({ level: "error", ...facts });
}

/** Logs an event that needs no action as one line with these fields. */
export function logNotice(facts: Readonly<Record<string, unknown>>): void {
  write({ level: "notice", ...facts });
}

function write(facts: Readonly<Record<string, unknown>>): void {
  console.error(redact(sanitizeJson(facts)));
}
