import type { Admission } from "./caller.ts";
import { refusal, StorageError } from "./errors.ts";
import type { Handler } from "./exchange.ts";
import * as bucket from "./handlers/bucket.ts";
import { purge } from "./handlers/purge.ts";
import * as list from "./handlers/list.ts";
import * as read from "./handlers/read.ts";
import * as remove from "./handlers/remove.ts";
import * as sign from "./handlers/sign.ts";
import * as transfer from "./handlers/transfer.ts";
import * as write from "./handlers/write.ts";

/** One route of the table below. */
export interface Route {
  readonly method: string;
  /** Segments of the path: fixed ones, `:bucket`, and at the end `*` for an object's name. */
  readonly pattern: readonly string[];
  /** Its name in the log: the method and the fixed segments, in the plural for several objects. */
  readonly label: string;
  readonly admission: Admission;
  /** The value of storage.operation() in policies. */
  readonly operation: string;
  readonly handle: Handler;
  /** Whether a CDN may cache its answers. */
  readonly cached: boolean;
}

/** The routes whose answers a CDN caches. */
const CACHED = new Set(["GET object/authenticated", "GET object/public"]);

/** Storage's REST routes, those with more fixed segments first. */
const ROUTES: readonly Route[] = [
  route("GET bucket", "required", "bucket.list", bucket.list, "GET buckets"),
  route("POST bucket", "required", "bucket.create", bucket.create),
  route("GET bucket/:bucket", "required", "bucket.get", bucket.get),
  route("PUT bucket/:bucket", "required", "bucket.update", bucket.update),
  route("DELETE bucket/:bucket", "required", "bucket.delete", bucket.remove),
  route("POST bucket/:bucket/empty", "service", "bucket.empty", bucket.empty),

  route("POST object/copy", "required", "object.copy", transfer.copy),
  route("POST object/move", "required", "object.move", transfer.move),
  route("POST object/list/:bucket", "required", "object.list", list.level),
  route("POST object/list-v2/:bucket", "required", "object.list_v2", list.page),
  route("POST object/upload/sign/:bucket/*", "required", "object.sign_upload_url", sign.upload),
  route("PUT object/upload/sign/:bucket/*", "none", "object.upload_signed", sign.put),
  route("POST object/sign/:bucket", "required", "object.sign_many", sign.many, "POST objects/sign"),
  route("POST object/sign/:bucket/*", "required", "object.sign", sign.one),
  route("GET object/sign/:bucket/*", "none", "object.get_signed", sign.get),

  route("GET object/info/authenticated/:bucket/*", "required", "object.info", read.info),
  route("GET object/info/public/:bucket/*", "none", "object.info_public", read.infoPublic),
  route("GET object/info/:bucket/*", "optional", "object.info", read.info),
  route("GET object/authenticated/:bucket/*", "required", "object.get_authenticated", read.get),
  route("HEAD object/authenticated/:bucket/*", "required", "object.head", read.head),
  route("GET object/public/:bucket/*", "none", "object.get_public", read.getPublic),
  route("HEAD object/public/:bucket/*", "none", "object.info_public", read.headPublic),

  route("DELETE object/:bucket", "required", "object.delete_many", remove.many, "DELETE objects"),
  route("GET object/:bucket/*", "optional", "object.get_authenticated", read.get),
  route("HEAD object/:bucket/*", "optional", "object.head", read.head),
  route("POST object/:bucket/*", "required", "object.upload", write.create),
  route("PUT object/:bucket/*", "required", "object.upload_update", write.replace),
  route("DELETE object/:bucket/*", "required", "object.delete", remove.one),

  route("DELETE cdn", "service", "cdn.purge_tenant_cache", purge),
  route("DELETE cdn/:bucket", "service", "cdn.purge_bucket_cache", purge),
  route("DELETE cdn/:bucket/*", "service", "cdn.purge_object_cache", purge),
];

function route(
  methodAndPattern: string,
  admission: Admission,
  operation: string,
  handle: Handler,
  label?: string,
): Route {
  const [method, path] = methodAndPattern.split(" ");
  const pattern = path.split("/");
  const fixed = pattern.filter((segment) => segment !== ":bucket" && segment !== "*");
  const name = label ?? `${method} ${fixed.join("/")}`;
  return {
    method,
    pattern,
    label: name,
    admission,
    operation: `storage.${operation}`,
    handle,
    cached: CACHED.has(name),
  };
}

/** A route with the parameters of the path. */
export interface Match {
  readonly route: Route;
  readonly bucket: string;
  readonly name: string;
}

/**
 * Finds the route of a path below the API's root. Segments are decoded one by one: a name keeps its
 * empty segments and its slashes at both ends.
 *
 * @throws StorageError InvalidRequest for a path with invalid percent-encoding.
 */
export function findRoute(method: string, path: string): Match | undefined {
  const segments = path.replace(/^\//, "").split("/");
  if (segments.length === 2 && segments[1] === "") segments.pop();
  for (const route of ROUTES) {
    const match = route.method === method && matchPattern(route, segments);
    if (match) return match;
  }
}

function matchPattern(route: Route, segments: readonly string[]): Match | undefined {
  const { pattern } = route;
  const open = pattern.at(-1) === "*";
  if (open ? segments.length < pattern.length : segments.length !== pattern.length) return;
  let bucket = "";
  for (const [index, part] of pattern.entries()) {
    if (part === "*") break;
    if (part === ":bucket" && segments[index] !== "") bucket = decode(segments[index]);
    else if (part !== segments[index]) return;
  }
  const name = open ? decode(segments.slice(pattern.length - 1).join("/")) : "";
  return { route, bucket, name };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new StorageError("InvalidRequest", 400, `'${text}' is not a valid url component`, {
      error: "Bad Request",
    });
  }
}

/** The error for a path without a route. */
export function routeMissing(method: string, path: string): StorageError {
  return refusal.noSuchRoute(method, path);
}
