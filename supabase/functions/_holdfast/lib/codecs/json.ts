/** JSON whose numbers stay as they are written: a user's metadata may hold ones that no double has. */

/** JSON as V8 has it since version 11.4; TypeScript's library does not know all of it yet. */
interface ExactJson {
  parse(text: string, reviver: Reviver): unknown;
  /** A value that JSON.stringify writes as this text. */
  rawJSON(text: string): unknown;
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

const exact = JSON as unknown as ExactJson;

/**
 * A number that may be written otherwise than it was read: with a fraction (1.50) or with more
 * digits than a double is sure to keep. In a text it may also stand where none is, which only costs
 * time.
 */
const DELICATE_NUMBER = /(?:":|[[,])\s?-?(?:\d+[.eE]|\d{16})/;

/**
 * Parses JSON so that JSON.stringify writes every number back as it was. One that a double does not
 * keep becomes an object that only JSON.stringify can read; integers up to 15 digits never do.
 *
 * @throws SyntaxError
 */
export function parseExactly(text: string): unknown {
  return DELICATE_NUMBER.test(text) ? exact.parse(text, keepNumber) : JSON.parse(text);
}

/** JSON as `parse` reads it; undefined where a text is none. */
export function parseIfJson(text: string, parse: (text: string) => unknown = JSON.parse): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const keepNumber: Reviver = (_key, value, { source }) =>
  typeof value !== "number" || source === undefined || String(value) === source
    ? value
    : exact.rawJSON(source);

/** Levels that a user's metadata may be nested; far more would exhaust the stack of a parser. */
const MAX_DEPTH = 2_000;

/** Whether jsonb takes it: no text with a NUL or half a character, and not nested beyond measure. */
export function isStorable(value: unknown, maxDepth = MAX_DEPTH): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) return false;
    const next: unknown[] = [];
    for (const item of level) {
      if (typeof item === "string") {
        if (item.includes("\0") || !item.isWellFormed()) return false;
      } else if (item !== null && typeof item === "object") {
        for (const inner of Array.isArray(item) ? item : Object.entries(item).flat()) {
          next.push(inner);
        }
      }
    }
    level = next;
  }
  return true;
}
