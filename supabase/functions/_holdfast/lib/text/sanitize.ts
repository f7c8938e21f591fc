/**
 * Makes text from outside safe to store and to show. Names, documents and servers' messages may hold
 * characters that Postgres rejects, and escape sequences or line ends that change a terminal or a log.
 */

const NOT_PLAIN = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;
/** The unsafe characters that JSON.stringify does not escape. */
const UNESCAPED_BY_JSON = /[\u007f-\u009f\p{Bidi_Control}\u2028\u2029]/gu;

/**
 * Makes a text a single line of visible, well-formed characters. Whitespace becomes a space; other
 * control characters and half surrogate pairs become U+FFFD.
 */
export function sanitizeText(text: string): string {
  return text
    .replace(NOT_PLAIN, (character) => /\s/.test(character) ? " " : "\ufffd")
    .toWellFormed();
}

/**
 * Writes a value as JSON of visible characters. Control characters are escaped, so parsing returns
 * the same value.
 *
 * @param indentation spaces a level; absent: one line
 */
export function sanitizeJson(value: unknown, indentation?: number): string {
  return JSON.stringify(value, null, indentation).replace(
    UNESCAPED_BY_JSON,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
