import { S3Error } from "../errors.ts";
import type { ObjectDescription } from "../store/types.ts";

/**
 * Headers of an object that are kept and given back as they are. A GET may replace each by a query
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

/** All user metadata of an object, names and values. */
const METADATA_BYTES = 2048;

/** The type of an object whose client named none. */
const DEFAULT_TYPE = "binary/octet-stream";

/** Headers that ask for something the stand-in lacks: an object put without it would be wrong. */
const MISSING_FEATURES = [
  "x-amz-object-lock-",
  "x-amz-server-side-encryption-customer-",
  "x-amz-tagging",
  "x-amz-website-redirect-location",
  "x-amz-write-offset-bytes",
];

/**
 * What a client says of an object beside its bytes.
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

/** The headers that give an object's description back. */
export function descriptionHeaders(description: ObjectDescription): Record<string, string> {
  const metadata = Object.entries(description.metadata)
    .map(([name, value]) => [`${METADATA_PREFIX}${name}`, value]);
  return { ...description.headers, ...Object.fromEntries(metadata) };
}
