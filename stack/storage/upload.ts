import { Buffer } from "node:buffer";
import { type BucketRow } from "./buckets.ts";
import { refusal } from "./errors.ts";
import type { Exchange, Services } from "./exchange.ts";
import { readForm } from "./multipart.ts";
import { checkMimeType, isEmptyFolder } from "./names.ts";
import type { RequestBody } from "./request_body.ts";

const LARGEST_USER_METADATA_BYTES = 1024 * 1024;

/** The file of an upload, before its bytes are read. */
export interface Upload {
  readonly mimetype: string;
  readonly cacheControl: string;
  /** The user metadata; undefined if it is missing or malformed. */
  readonly userMetadata: unknown;
  /** The request's content-length. For a form it is the length of the complete form. */
  readonly declaredLength: number | undefined;
  /**
   * The bytes. They throw StorageError EntityTooLarge at the end of a form's file above the limit.
   */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/**
 * Finds the file in a request and checks it against the bucket's limits.
 *
 * @throws StorageError InvalidMimeType, EntityTooLarge, InvalidRequest.
 */
export async function readUpload(
  services: Services,
  exchange: Exchange,
  bucket: BucketRow,
): Promise<Upload> {
  const limits = {
    // Storage checks only the size of an empty folder's placeholder.
    bytes: isEmptyFolder(exchange.name) ? 0 : Math.min(
      Number(bucket.file_size_limit ?? Infinity),
      services.largestObjectBytes,
    ),
    types: isEmptyFolder(exchange.name) ? [] : bucket.allowed_mime_types ?? [],
  };
  const contentType = exchange.headers.get("content-type");
  return contentType?.startsWith("multipart/form-data")
    ? await fromForm(exchange, contentType, limits)
    : fromBody(exchange, contentType, limits);
}

interface Limits {
  readonly bytes: number;
  readonly types: readonly string[];
}

function declaredLength(headers: Headers): number | undefined {
  const header = headers.get("content-length");
  return header === null ? undefined : Number(header);
}

function fromBody({ headers, body }: Exchange, contentType: string | null, limits: Limits): Upload {
  const mimetype = contentType ?? "application/octet-stream";
  if (limits.types.length > 0) checkMimeType(mimetype, limits.types);
  const length = declaredLength(headers);
  // Storage never checks the size of a body without content-length.
  if (length !== undefined && length > limits.bytes) throw refusal.entityTooLarge();
  const metadata = headers.get("x-metadata");
  return {
    mimetype,
    cacheControl: headers.get("cache-control") ?? "no-cache",
    userMetadata: metadata === null ? undefined : parseUserMetadata(metadata),
    declaredLength: length,
    chunks: body.chunks(),
  };
}

async function fromForm(
  { headers, body }: { headers: Headers; body: RequestBody },
  contentType: string,
  limits: Limits,
): Promise<Upload> {
  const form = await readForm(body, contentType);
  const mimetype = form.fields.get("contentType") || form.mimetype;
  if (limits.types.length > 0) checkMimeType(mimetype, limits.types);
  const cacheSeconds = form.fields.get("cacheControl");
  const metadata = form.fields.get("metadata") ?? form.fields.get("userMetadata");
  if (Buffer.byteLength(metadata ?? "") > LARGEST_USER_METADATA_BYTES) {
    throw refusal.entityTooLarge("user_metadata");
  }
  return {
    mimetype,
    cacheControl: cacheSeconds ? `max-age=${cacheSeconds}` : "no-cache",
    userMetadata: metadata === undefined ? undefined : parseJson(metadata),
    declaredLength: declaredLength(headers),
    chunks: upTo(limits.bytes, form.chunks),
  };
}

/** Yields at most `limit` bytes. It reads to the end, and throws there if there were more. */
async function* upTo(limit: number, chunks: AsyncIterable<Uint8Array>) {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size <= limit) yield chunk;
  }
  if (size > limit) throw refusal.entityTooLarge();
}

/** Parses the user metadata in an x-metadata header: base64 of JSON. Other values are ignored. */
export function parseUserMetadata(header: string): unknown {
  return parseJson(Buffer.from(header, "base64").toString());
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
