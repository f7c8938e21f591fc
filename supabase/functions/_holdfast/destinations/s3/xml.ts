/** The little of XML that S3's answers and requests need. */

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  apos: "'",
  gt: ">",
  lt: "<",
  quot: '"',
};

/** Texts of all elements of a name that hold only text, in their order. */
export function elements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))]
    .map((match) => decodeText(match[1] ?? ""));
}

/** Text of the first element of a name; undefined where there is none. */
export function element(xml: string, name: string): string | undefined {
  return elements(xml, name)[0];
}

/** A text as it stands in an XML element. */
export function encodeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;").replaceAll("'", "&apos;");
}

/**
 * Text of an XML element: entities and character references stand for what they name. XML has none for
 * a NUL or half a character, and Postgres no place.
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
