/** Requests and responses of ListObjectsV2. */
import { encodeParameter } from "./sigv4.ts";
import { element, elements } from "./xml.ts";
import type { KeyPage } from "../store.ts";

/** Makes the canonical query of ListObjectsV2 for the keys with `prefix` and after `startAfter`. */
export function listQuery(prefix: string, startAfter?: string): string {
  const from = startAfter === undefined ? "" : `&start-after=${encodeParameter(startAfter)}`;
  return `list-type=2&prefix=${encodeParameter(prefix)}${from}`;
}

/** Whether a text is a complete response to ListObjectsV2. */
export function isListing(xml: string): boolean {
  return /<ListBucketResult[\s>]/.test(xml) && /<\/ListBucketResult>\s*$/.test(xml);
}

/** Parses the keys of a response to ListObjectsV2 without delimiter. */
export function parseKeys(xml: string): KeyPage {
  return { keys: elements(xml, "Key"), more: isTruncated(xml) };
}

/** Whether a listing is truncated, so that another page follows. */
export function isTruncated(xml: string): boolean {
  return element(xml, "IsTruncated")?.trim() === "true";
}
