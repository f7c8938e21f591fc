/** Listing keys. */
import { encodeParameter } from "./sigv4.ts";
import { element, elements } from "./xml.ts";
import type { KeyPage } from "../store.ts";

/** The canonical query of ListObjectsV2 for the keys below `prefix` and after `startAfter`. */
export function listQuery(prefix: string, startAfter?: string): string {
  const from = startAfter === undefined ? "" : `&start-after=${encodeParameter(startAfter)}`;
  return `list-type=2&prefix=${encodeParameter(prefix)}${from}`;
}

/** Whether a text is an answer to ListObjectsV2 at all, to its end. */
export function isListing(xml: string): boolean {
  return /<ListBucketResult[\s>]/.test(xml) && /<\/ListBucketResult>\s*$/.test(xml);
}

/** The keys of an answer to ListObjectsV2 without delimiter, and whether the server has more. */
export function parseKeys(xml: string): KeyPage {
  return { keys: elements(xml, "Key"), more: isTruncated(xml) };
}

/** Whether a listing says that there is more behind it. */
export function isTruncated(xml: string): boolean {
  return element(xml, "IsTruncated")?.trim() === "true";
}
