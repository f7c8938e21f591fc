/** The functions' log: one JSON object a line, and never a secret. */
import { messageOf } from "./errors.ts";
import { hideSecrets } from "./secrets.ts";

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

/** Logs, as one line, what somebody should know and nobody has to mend. */
export function logNotice(facts: Readonly<Record<string, unknown>>): void {
  write({ level: "notice", ...facts });
}

/** What JSON leaves as it is and a terminal or a log viewer takes for an order or a line's end. */
const NOT_PLAIN = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

function write(facts: Readonly<Record<string, unknown>>): void {
  const line = hideSecrets(JSON.stringify(facts));
  console.error(
    line.replace(
      NOT_PLAIN,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
    ),
  );
}
