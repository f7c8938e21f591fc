import { S3Error } from "../errors.ts";
import type { ObjectDescription } from "../store/types.ts";

/**
 * Headers of an object that are stored and returned unchanged. A GET may override each by a query
 * parameter `response-<name>`.
 */
export const KEPT_HEADERS = [
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-type",
  "expires",
];

const METADATA_PREFIX = "x-amz-meta-";

/** Maximum size of an object's user metadata, names and values together. */
const METADATA_BYTES = 2048;

/** The content type of an object if the client sends none. */
const DEFAULT_TYPE = "binary/octet-stream";

/** Headers of features that the stand-in lacks. It refuses them, as ignoring one would be wrong. */
const MISSING_FEATURES = [
  "x-amz-object-lock-",
  "x-amz-server-side-encryption-customer-",
  "x-amz-tagging",
  "x-amz-website-redirect-location",
  "x-amz-write-offset-bytes",
];

/**
 * Reads an object's stored headers and metadata from a request.
 *
 * @throws {S3Error} MetadataTooLarge, NotImplemented
 */
export function readDescription(headers: ReadonlyMap<string, string>): ObjectDescription {
  const kept: Record<string, string> = { "content-type": DEFAULT_TYPE };
  const metadata: Record<string, string> = {};
  let metadataBytes = 0;
  for (const [name, value] of headers) {
    if (MISSING_FEATURES.some((feature) => name.startsWith(feature))) {
      throw new S3Error("NotImplemented", undefined, { Header: name });
    }
    if (name.startsWith(METADATA_PREFIX)) {
      const short = name.slice(METADATA_PREFIX.length);
      metadata[short] = value;
      metadataBytes += short.length + value.length;
    } else if (KEPT_HEADERS.includes(name) && value !== "") {
      kept[name] = value;
    }
  }
  if (metadataBytes > METADATA_BYTES) {
    throw new S3Error("MetadataTooLarge", undefined, { MaxSizeAllowed: METADATA_BYTES });
  }
  return { headers: kept, metadata };
}

/** The response headers for an object's description. */
export function descriptionHeaders(description: ObjectDescription): Record<string, string> {
  const metadata = Object.entries(description.metadata)
    .map(([name, value]) => [`${METADATA_PREFIX}${name}`, value]);
  return { ...description.headers, ...Object.fromEntries(metadata) };
}
