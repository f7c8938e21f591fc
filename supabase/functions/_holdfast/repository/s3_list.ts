/**
 * Listing keys without the SDK, for every run begins with it: to load the SDK for one answer cost
 * 70 ms of an isolate's two seconds.
 */
import type { KeyPage } from "./store.ts";
import { encodeParameter } from "./sigv4.ts";

/** The canonical query of ListObjectsV2 for the keys below `prefix` and after `startAfter`. */
export function listQuery(prefix: string, startAfter?: string): string {
  const from = startAfter === undefined ? "" : `&start-after=${encodeParameter(startAfter)}`;
  return `list-type=2&prefix=${encodeParameter(prefix)}${from}`;
}

/** The keys of an answer to ListObjectsV2 without delimiter, and whether the server has more. */
export function parseKeys(xml: string): KeyPage {
  const keys = [...xml.matchAll(/<Key>([^<]*)<\/Key>/g)].map((match) => decodeText(match[1] ?? ""));
  return { keys, more: /<IsTruncated>\s*true\s*<\/IsTruncated>/.test(xml) };
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  apos: "'",
  gt: ">",
  lt: "<",
  quot: '"',
};

/** Text of an XML element: entities and character references stand for what they name. */
function decodeText(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|([a-z]+));/gi,
    (all, hex, decimal, name) => {
      if (name !== undefined) return ENTITIES[name] ?? all;
      const code = hex === undefined ? Number(decimal) : parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : all;
    },
  );
}
