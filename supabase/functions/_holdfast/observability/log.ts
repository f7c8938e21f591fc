/** The functions' log: one JSON object a line, and never a secret. */
import { messageOf } from "../config/errors.ts";
import { sanitizeJson } from "../lib/text/sanitize.ts";
import { redact } from "./redact.ts";

/** Logs something that no code expected, with its stack; `facts` say where. */
export function logUnexpected(error: unknown, facts: Readonly<Record<string, unknown>> = {}): void {
  logError({
    ...facts,
    code: "internal",
    message: messageOf(error),
    stack: error instanceof Error ? error.stack : undefined,
  });
}

/** Logs an error as one line. */
export function logError(facts: Readonly<Record<string, unknown>>): void {
  write({ level: "error", ...facts });
}

/** Logs, as one line, what somebody should know and nobody has to repair. */
export function logNotice(facts: Readonly<Record<string, unknown>>): void {
  write({ level: "notice", ...facts });
}

function write(facts: Readonly<Record<string, unknown>>): void {
  console.error(redact(sanitizeJson(facts)));
}
