/** Authentication and authorization by Holdfast's own keys. */
import { timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { HoldfastError } from "../config/errors.ts";
import type { Database } from "../lib/database.ts";
import { fromHex } from "../lib/codecs/hex.ts";

/** What a key may do. docs/SECURITY.md lists the routes of each scope. */
export type Scope = "worker" | "read" | "operate" | "restore";

/** Who sent a request. */
export interface Caller {
  readonly scope: Scope;
  /** The key's name. */
  readonly name: string;
}

const KEY = /^hf_(?:worker|read|operate|restore)_([0-9a-f]{12})_[0-9a-f]{64}$/;

/** The variables that the middleware adds to a request's context. */
export interface KeyedEnv {
  Variables: { caller: Caller };
}

/**
 * Makes middleware that requires a key of a scope and sets `caller` in the request's context.
 *
 * @param database returns the database; called once a request
 * @throws HoldfastError `key_refused` or `scope_refused`, as {@link requireKey} does
 */
export function requireScope(scope: Scope, database: () => Database): MiddlewareHandler<KeyedEnv> {
  return async (context, next) => {
    context.set("caller", await requireKey(context.req.raw.headers, scope, database()));
    await next();
  };
}

/**
 * Authenticates a request.
 *
 * @returns the caller, whose key is not revoked and has the scope
 * @throws HoldfastError `key_refused` or `scope_refused`. Each has the same body for every reason,
 * so that a response does not reveal which keys exist.
 */
export async function requireKey(
  headers: Headers,
  scope: Scope,
  database: Database,
): Promise<Caller> {
  const caller = await findCaller(headers, database);
  if (!caller) {
    throw new HoldfastError("key_refused", "The request carries no key that Holdfast accepts.");
  }
  if (caller.scope !== scope) {
    throw new HoldfastError("scope_refused", "The key is valid and of another scope.");
  }
  return caller;
}

async function findCaller(headers: Headers, database: Database): Promise<Caller | undefined> {
  const key = sentKey(headers);
  const id = key && KEY.exec(key)?.[1];
  // A malformed key is refused here, so that it costs no database query.
  if (!key || !id) return undefined;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  const found = await database.call<{ scope: Scope; name: string; digest: string } | null>(
    "find_key",
    { id },
  );
  if (!found) return undefined;
  const same = timingSafeEqual(new Uint8Array(digest), fromHex(found.digest));
  return same ? { scope: found.scope, name: found.name } : undefined;
}

/** Finds the Holdfast key in the headers. The other header may hold a key of the project. */
function sentKey(headers: Headers): string | undefined {
  const bearer = /^Bearer\s+(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  return [headers.get("apikey"), bearer].find((value) => value?.startsWith("hf_")) ?? undefined;
}
