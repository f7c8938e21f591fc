/**
 * Text from outside, fit to be stored and read. Servers, names and documents may hold what Postgres
 * takes in no text, and what a terminal or a log viewer takes for an order or a line's end.
 */

const NOT_PLAIN = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;
/** What of it JSON leaves as it is. */
const LEFT_BY_JSON = /[\u007f-\u009f\p{Bidi_Control}\u2028\u2029]/gu;

/** A text as one line of characters that show, none of them half. */
export function sanitizeText(text: string): string {
  return text
    .replace(NOT_PLAIN, (character) => /\s/.test(character) ? " " : "\ufffd")
    .toWellFormed();
}

/** A value as JSON that reads back as it is and holds nothing but what shows. */
export function sanitizeJson(value: unknown, indentation?: number): string {
  return JSON.stringify(value, null, indentation).replace(
    LEFT_BY_JSON,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
