import type { IncomingMessage } from "node:http";
import { parseAddress } from "./address.ts";
import type { SignedRequest } from "./auth/signature.ts";
import { S3Error } from "./errors.ts";
import { type Operation, type RoutedRequest, routeRequest } from "./router.ts";
import type { S3RequestRecord } from "./types.ts";
import { decodeUri, parseTarget } from "./uri.ts";

/** A request with a valid request line and valid headers. */
export interface ReadableRequest extends RoutedRequest, SignedRequest {
  readonly operation: Operation;
}

/** A parsed request before any check. */
export type ParsedRequest =
  & {
    /** The path for error messages, decoded if possible. */
    readonly resource: string;
    readonly record: Pick<S3RequestRecord, "method" | "route" | "path" | "bucket" | "key">;
  }
  & (
    | { readonly request: ReadableRequest; readonly refusal?: undefined }
    | { readonly refusal: S3Error }
  );

/** Parses the request line and the headers. A fault in them becomes the field `refusal`. */
export function parseRequest(message: IncomingMessage): ParsedRequest {
  const method = message.method ?? "";
  const sent = message.url ?? "";
  let record: ParsedRequest["record"] = { method, route: "Unknown", path: sent };
  let resource = sent;
  try {
    const target = parseTarget(sent);
    const path = decodeUri(target.path);
    resource = path;
    const headers = joinHeaders(message.rawHeaders);
    const address = parseAddress(headers.get("host") ?? "", target.path);
    const named = {
      bucket: address.bucket || undefined,
      key: address.key || undefined,
    };
    record = { ...record, ...named };
    const routed = { method, ...address, query: target.query, headers };
    const operation = routeRequest(routed);
    record = { ...record, route: operation };
    return { resource, record, request: { ...routed, path, operation } };
  } catch (error) {
    if (!(error instanceof S3Error)) throw error;
    return { resource, record, refusal: error };
  }
}

/** Headers by lower-case name. Repeated ones are joined as Signature Version 4 requires. */
function joinHeaders(raw: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index].toLowerCase();
    const before = headers.get(name);
    const value = raw[index + 1];
    headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  return headers;
}
