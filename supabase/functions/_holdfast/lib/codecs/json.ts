/**
 * JSON that keeps numbers as they are written. Users' metadata may hold numbers that a double can't
 * represent, and parsing would change them.
 */

/** JSON as in V8 since version 11.4. TypeScript's library does not declare all of it yet. */
interface ExactJson {
  parse(text: string, reviver: Reviver): unknown;
  /** Makes a value that JSON.stringify writes as this text. */
  rawJSON(text: string): unknown;
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

const exact = JSON as unknown as ExactJson;

/**
 * A number that JSON.stringify may write differently: with a fraction (1.50), an exponent, or more
 * digits than a double keeps. A match inside a string is harmless and only costs time.
 */
const INEXACT_NUMBER = /(?:":|[[,])\s?-?(?:\d+[.eE]|\d{16})/;

/**
 * Parses JSON so that JSON.stringify writes every number back unchanged. A number that a double does
 * not keep becomes an opaque object. Integers of up to 15 digits always stay numbers.
 *
 * @throws SyntaxError if the text is not JSON
 */
export function parseExactly(text: string): unknown {
  return INEXACT_NUMBER.test(text) ? exact.parse(text, keepNumber) : JSON.parse(text);
}

/**
 * Parses a text that may not be JSON.
 *
 * @param parse parses the text; throws a SyntaxError if it is not JSON
 * @returns the value; undefined if the text is not JSON
 */
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

/** Most nesting levels of users' metadata. Far more would exhaust a parser's stack. */
const MAX_DEPTH = 2_000;

/**
 * Whether Postgres can store a value as jsonb: no text has a NUL or half a surrogate pair, and the
 * nesting is limited.
 *
 * @param maxDepth most nesting levels
 */
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
