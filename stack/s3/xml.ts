import { XMLParser, XMLValidator } from "fast-xml-parser";
import { S3Error } from "./errors.ts";

const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** A document in S3's namespace with already serialized elements. */
export function xmlDocument(root: string, ...elements: string[]): string {
  return `${DECLARATION}<${root} xmlns="${NAMESPACE}">${elements.join("")}</${root}>`;
}

/** The XML body of an error. It has no namespace. */
export function xmlError(fields: Readonly<Record<string, string | number>>): string {
  const elements = Object.entries(fields).map(([name, value]) => xmlText(name, value));
  return `${DECLARATION}<Error>${elements.join("")}</Error>`;
}

/** An element with text; an empty text if the value is undefined. */
export function xmlText(name: string, value: string | number | boolean | undefined): string {
  return value === undefined ? "" : `<${name}>${escapeXml(String(value))}</${name}>`;
}

/** An element with already serialized child elements. */
export function xmlElement(name: string, ...elements: string[]): string {
  return `<${name}>${elements.join("")}</${name}>`;
}

/**
 * Escapes text. Control characters become references, as in S3's answers, although XML 1.0 forbids
 * them. Clients that list such keys must use encoding-type=url.
 */
function escapeXml(text: string): string {
  // deno-lint-ignore no-control-regex -- these are exactly the characters meant
  return text.replace(/[&<>"\u0000-\u0008\u000b-\u001f\u007f]/g, (character) => {
    switch (character) {
      case "&":
        return "&amp;";
      case "<":
        return "&lt;";
      case ">":
        return "&gt;";
      case '"':
        return "&quot;";
      default:
        return `&#x${character.charCodeAt(0).toString(16)};`;
    }
  });
}

/** A parsed element: text, or its children by name. */
export type XmlNode = string | { readonly [name: string]: XmlNode | readonly XmlNode[] };

const parser = new XMLParser({ parseTagValue: false, trimValues: false, ignoreDeclaration: true });

/**
 * Reads a document whose root element is `root`.
 *
 * @throws {S3Error} MalformedXML
 */
export function parseXml(bytes: Uint8Array, root: string): XmlNode {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new S3Error("MalformedXML");
  }
  if (XMLValidator.validate(text) !== true) throw new S3Error("MalformedXML");
  const document: Record<string, XmlNode> = parser.parse(text);
  if (!(root in document)) throw new S3Error("MalformedXML");
  return document[root];
}

/** All children of that name. */
export function xmlChildren(node: XmlNode, name: string): readonly XmlNode[] {
  if (typeof node === "string" || !(name in node)) return [];
  const found = node[name];
  return Array.isArray(found) ? found : [found as XmlNode];
}

/** The text of the only child of that name; undefined if there is none. */
export function xmlChildText(node: XmlNode, name: string): string | undefined {
  const [child, ...others] = xmlChildren(node, name);
  if (child === undefined) return undefined;
  if (typeof child !== "string" || others.length > 0) throw new S3Error("MalformedXML");
  return child;
}
