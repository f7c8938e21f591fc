import { refusal } from "./errors.ts";
import { type Answer, answerJson, type Exchange, type Services } from "./exchange.ts";
import type { ObjectRow } from "./objects.ts";
import type { OpenBytes, StoredFacts } from "./byte_store.ts";
import { contentRange, parseRange } from "./range.ts";

/** Options of a route for the answer to a GET. */
export interface RenderOptions {
  /** Expiry of a signed URL in seconds since 1970. It replaces the cache-control. */
  readonly expires?: number;
}

/**
 * The answer with an object's bytes: all of them, a range, or 304. All headers come from the
 * backend's metadata, not from the row.
 */
export async function renderBytes(
  services: Services,
  exchange: Exchange,
  row: ObjectRow,
  options: RenderOptions = {},
): Promise<Answer> {
  const { bucket_id: bucket, name, version } = row;
  const open = await services.bytes.open({ bucket, name, version });
  if (!open) return renderMissing(services);
  if (isNotModified(exchange.headers, open.facts)) {
    open.close();
    return { status: 304, headers: new Headers(), body: null };
  }
  return renderOpen(services, exchange, open, options);
}

function renderOpen(
  services: Services,
  exchange: Exchange,
  open: OpenBytes,
  options: RenderOptions,
): Answer {
  const { size } = open.facts;
  const range = parseRange(exchange.headers.get("range"), size);
  if (range === "unsatisfiable") {
    open.close();
    // Storage does not translate S3's error in this case.
    throw services.backend === "file" ? refusal.invalidRange() : refusal.internal();
  }
  const { start, length } = range ?? { start: 0, length: size };
  const headers = headersOf(exchange, open.facts, options);
  headers.set("content-length", String(length));
  if (range) headers.set("content-range", contentRange(range, size));
  return {
    status: range ? 206 : 200,
    headers,
    body: { length, stream: open.stream(start, length) },
  };
}

/**
 * The answer for a row without bytes. An S3 backend's 404 is forwarded, a file backend's error is
 * not.
 */
function renderMissing(services: Services): Answer {
  if (services.backend === "file") throw refusal.internal();
  return answerJson(
    {
      statusCode: "404",
      error: "Not found",
      message: "The resource was not found",
      code: "NoSuchKey",
    },
    400,
    { "cache-control": "no-store" },
  );
}

/** Whether the answer is 304. Storage ignores If-Match, also with a Range. */
function isNotModified(headers: Headers, facts: StoredFacts): boolean {
  const noneMatch = headers.get("if-none-match");
  if (noneMatch !== null) return noneMatch === facts.eTag || noneMatch === "*";
  const since = Date.parse(headers.get("if-modified-since") ?? "");
  return Date.parse(facts.lastModified) <= since;
}

function headersOf({ query }: Exchange, facts: StoredFacts, { expires }: RenderOptions): Headers {
  const headers = new Headers({
    "accept-ranges": "bytes",
    "content-type": plainInsteadOfHtml(facts.mimetype),
    etag: facts.eTag,
    "last-modified": new Date(facts.lastModified).toUTCString(),
    "x-robots-tag": "none",
  });
  if (expires === undefined) headers.set("cache-control", facts.cacheControl);
  else headers.set("expires", new Date(expires * 1000).toUTCString());
  const download = query.get("download");
  if (download === "") headers.set("content-disposition", "attachment;");
  else if (download !== null) {
    const name = encodeURIComponent(download);
    headers.set("content-disposition", `attachment; filename=${name}; filename*=UTF-8''${name}`);
  }
  return headers;
}

/** Replaces text/html, so that no web page is served from a project's domain. */
function plainInsteadOfHtml(mimetype: string): string {
  return mimetype.includes("text/html") ? "text/plain" : mimetype;
}

/** The answer to HEAD, from the row only. It does not check that bytes exist. */
export function renderHead(row: ObjectRow): Answer {
  const headers = rowHeaders(row);
  const { mimetype, size } = factsOf(row);
  headers.set("accept-ranges", "bytes");
  headers.set("x-robots-tag", "none");
  if (mimetype !== null) headers.set("content-type", plainInsteadOfHtml(mimetype));
  if (size !== null) headers.set("content-length", String(size));
  return { status: 200, headers, body: null };
}

/** The answer of object/info: the row as JSON. */
export function renderInfo(row: ObjectRow): Answer {
  const { eTag, mimetype, cacheControl, size } = factsOf(row);
  const answer = answerJson({
    id: row.id,
    name: row.name,
    version: row.version,
    bucket_id: row.bucket_id,
    size,
    content_type: mimetype,
    cache_control: cacheControl,
    etag: eTag,
    metadata: row.user_metadata,
    last_modified: row.updated_at,
    created_at: row.created_at,
  });
  rowHeaders(row).forEach((value, name) => answer.headers.set(name, value));
  return answer;
}

/** The fields of a row's metadata; null if SQL wrote none or a different type. */
function factsOf({ metadata }: ObjectRow) {
  const text = (name: string) => {
    const value = metadata?.[name];
    return typeof value === "string" ? value : null;
  };
  const size = metadata?.size;
  return {
    eTag: text("eTag"),
    mimetype: text("mimetype"),
    cacheControl: text("cacheControl"),
    lastModified: text("lastModified"),
    size: Number.isSafeInteger(size) ? size as number : null,
  };
}

function rowHeaders(row: ObjectRow): Headers {
  const { eTag, cacheControl, lastModified } = factsOf(row);
  const headers = new Headers();
  if (eTag !== null) headers.set("etag", eTag);
  if (cacheControl !== null) headers.set("cache-control", cacheControl);
  const modified = new Date(lastModified ?? NaN);
  if (!Number.isNaN(modified.getTime())) headers.set("last-modified", modified.toUTCString());
  return headers;
}
