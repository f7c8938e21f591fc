/** The subset of XML that requests and responses of S3 need. */

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  apos: "'",
  gt: ">",
  lt: "<",
  quot: '"',
};

/** Decoded texts of all elements with a name that contain only text, in document order. */
export function elements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))]
    .map((match) => decodeText(match[1] ?? ""));
}

/** Decoded text of the first element with a name; undefined if there is none. */
export function element(xml: string, name: string): string | undefined {
  return elements(xml, name)[0];
}

/** Escapes a text for an XML element. */
export function encodeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;").replaceAll("'", "&apos;");
}

/**
 * Decodes the entities and character references of an XML text. References to NUL or to half a
 * surrogate pair stay as they are: they are invalid in XML, and Postgres can't store the characters.
 */
function decodeText(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|([a-z]+));/gi,
    (all, hex, decimal, name) => {
      if (name !== undefined) return ENTITIES[name] ?? all;
      const code = hex === undefined ? Number(decimal) : parseInt(hex, 16);
      const named = code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : all;
      return named.isWellFormed() ? named : all;
    },
  );
}
