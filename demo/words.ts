/** Formats numbers, lists and texts for the demo's output. */

/** A count with its noun: `1 object`, `618 objects`. */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Bytes in decimal units, rounded: `0 B`, `512 B`, `4.1 kB`, `33.1 MB`. */
export function bytesInWords(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  // From 999.95 on, rounding gives 1000.0, so the next unit is used.
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Milliseconds as seconds with one digit: `4.2 s`. */
export function secondsInWords(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Joins a list: `a`, `a and b`, `a, b and c`. */
export function listInWords(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}

/** Shortens a text to at most `columns` characters by removing its middle. */
export function shorten(text: string, columns: number): string {
  if (text.length <= columns) return text;
  const head = Math.floor((columns - 3) / 3);
  return `${text.slice(0, head)}...${text.slice(text.length - (columns - 3 - head))}`;
}

/** Keeps two words on one line; wrap() replaces it by a plain space. */
export const NO_BREAK_SPACE = "\u00a0";

/**
 * Breaks a text between words into lines of at most `columns` characters. It never splits a word.
 */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((text) => text.replaceAll(NO_BREAK_SPACE, " "));
}
