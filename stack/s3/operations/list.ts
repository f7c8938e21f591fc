import { CHECKSUM_ALGORITHM } from "../body/checksums.ts";
import { S3Error } from "../errors.ts";
import type { BucketHandler, S3Request } from "../request.ts";
import type { Bucket } from "../store/bucket.ts";
import { encodePath } from "../uri.ts";
import { xmlDocument, xmlElement, xmlText } from "../xml.ts";
import { checksumType } from "./objects.ts";
import { type KeyPage, listPage } from "./paging.ts";

/** Maximum and default number of keys, parts or uploads in one page. */
export const PAGE_ITEMS = 1000;

export const listObjectsV2: BucketHandler = (request, bucket) => {
  const { query } = request;
  const token = query.get("continuation-token");
  const startAfter = query.get("start-after") ?? "";
  const limit = pageLimit(request, "max-keys");
  const after = token === undefined ? startAfter : decodeToken(token);
  const page = listPage(bucket.state.keys, { ...keyQuery(request), after, limit });
  const encode = nameEncoder(request);
  return {
    body: xmlDocument(
      "ListBucketResult",
      xmlText("Name", bucket.name),
      xmlText("Prefix", encode(query.get("prefix") ?? "")),
      xmlText("StartAfter", query.has("start-after") ? encode(startAfter) : undefined),
      xmlText("ContinuationToken", token),
      xmlText("NextContinuationToken", page.truncated ? encodeToken(page.last) : undefined),
      xmlText("KeyCount", page.keys.length + page.commonPrefixes.length),
      ...commonElements(request, page, limit),
      contents(bucket, page, encode),
      commonPrefixes(page, encode),
    ),
  };
};

export const listObjects: BucketHandler = (request, bucket) => {
  const { query } = request;
  const after = query.get("marker") ?? "";
  const limit = pageLimit(request, "max-keys");
  const page = listPage(bucket.state.keys, { ...keyQuery(request), after, limit });
  const encode = nameEncoder(request);
  // Without a delimiter S3 sends no NextMarker: the client continues after the last key.
  const next = page.truncated && query.has("delimiter") ? encode(page.last) : undefined;
  return {
    body: xmlDocument(
      "ListBucketResult",
      xmlText("Name", bucket.name),
      xmlText("Prefix", encode(query.get("prefix") ?? "")),
      xmlText("Marker", encode(after)),
      xmlText("NextMarker", next),
      ...commonElements(request, page, limit),
      contents(bucket, page, encode),
      commonPrefixes(page, encode),
    ),
  };
};

/** @throws {S3Error} InvalidArgument */
export function pageLimit(request: S3Request, name: string): number {
  const text = request.query.get(name) ?? String(PAGE_ITEMS);
  if (!/^\d{1,10}$/.test(text)) {
    throw new S3Error(
      "InvalidArgument",
      `Provided ${name} not an integer or within integer range`,
      {
        ArgumentName: name,
        ArgumentValue: text,
      },
    );
  }
  return Math.min(Number(text), PAGE_ITEMS);
}

/**
 * The encoder for names. With `encoding-type=url` it encodes as in a form, with a plus for a space.
 */
export function nameEncoder(request: S3Request): (name: string) => string {
  const encoding = request.query.get("encoding-type");
  if (encoding === undefined) return (name) => name;
  if (encoding !== "url") {
    throw new S3Error("InvalidArgument", "Invalid Encoding Method specified in Request");
  }
  return (name) => encodePath(name).replaceAll("%20", "+");
}

function keyQuery({ query }: S3Request) {
  return { prefix: query.get("prefix") ?? "", delimiter: query.get("delimiter") ?? "" };
}

function commonElements(request: S3Request, page: KeyPage, limit: number): string[] {
  const encode = nameEncoder(request);
  const delimiter = request.query.get("delimiter");
  return [
    xmlText("MaxKeys", limit),
    xmlText("Delimiter", delimiter === undefined ? undefined : encode(delimiter)),
    xmlText("EncodingType", request.query.get("encoding-type")),
    xmlText("IsTruncated", page.truncated),
  ];
}

function contents(bucket: Bucket, page: KeyPage, encode: (name: string) => string): string {
  return page.keys.map((key) => {
    const object = bucket.object(key);
    const checksum = object.checksum;
    return xmlElement(
      "Contents",
      xmlText("Key", encode(key)),
      xmlText("LastModified", new Date(object.modified).toISOString()),
      xmlText("ETag", `"${object.etag}"`),
      xmlText("ChecksumAlgorithm", checksum && CHECKSUM_ALGORITHM),
      xmlText("ChecksumType", checksum && checksumType(checksum)),
      xmlText("Size", object.bytes),
      xmlText("StorageClass", "STANDARD"),
    );
  }).join("");
}

function commonPrefixes(page: KeyPage, encode: (name: string) => string): string {
  return page.commonPrefixes
    .map((prefix) => xmlElement("CommonPrefixes", xmlText("Prefix", encode(prefix))))
    .join("");
}

/** Encodes a token, so that clients can't depend on its content. */
function encodeToken(last: string): string {
  return new TextEncoder().encode(`1${last}`).toBase64();
}

function decodeToken(token: string): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.fromBase64(token));
    if (text.startsWith("1")) return text.slice(1);
  } catch {
    // Refused below, as every other invalid token.
  }
  throw new S3Error("InvalidArgument", "The continuation token provided is incorrect");
}
