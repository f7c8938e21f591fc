import { refusal } from "./errors.ts";
import { type Claims, verifyToken } from "./token.ts";

/** Who asks, as the Bearer token says. */
export interface Caller {
  /** The database role that the request's statements run as. */
  readonly role: string;
  /** The owner of what the request creates: the token's `sub`. */
  readonly owner: string | undefined;
  readonly claims: Claims;
  readonly token: string;
  /** False for a request without a good token, where the route lets it through as `anon`. */
  readonly authenticated: boolean;
  /** Storage's name for what the route does, for policies that ask storage.operation(). */
  readonly operation: string;
}

/** How a route looks at the Bearer token. */
export type Admission =
  /** Demands a good one. */
  | "required"
  /** Serves public buckets to anyone: a bad token counts as none. */
  | "optional"
  /** Demands a service key. */
  | "service"
  /** Does not look: public, or signed otherwise. */
  | "none";

function tokenOf(headers: Headers): string {
  return (headers.get("authorization") ?? "").replace(/^Bearer\s+/i, "");
}

/**
 * Who the caller of a route is.
 *
 * @throws StorageError InvalidRequest without a header that is demanded; AccessDenied for a bad
 *   token, and, with HTTP 403, for one that is no service key where that is demanded.
 */
export function admit(
  headers: Headers,
  { jwtSecret, now }: { jwtSecret: string; now: () => number },
  { admission, operation }: { admission: Admission; operation: string },
): Caller {
  const callerWith = (claims: Claims, token: string, authenticated: boolean): Caller => (
    { role: claims.role ?? "anon", owner: claims.sub, claims, token, authenticated, operation }
  );
  if (admission === "none") return callerWith({ role: "service_role" }, "", false);
  if (admission !== "optional" && !headers.has("authorization")) {
    throw refusal.invalidRequest("headers must have required property 'authorization'");
  }
  let caller: Caller;
  try {
    const token = tokenOf(headers);
    caller = callerWith(verifyToken(token, jwtSecret, now()), token, true);
  } catch (error) {
    if (admission === "optional") return callerWith({ role: "anon" }, "", false);
    throw refusal.accessDenied(error instanceof Error ? error.message : String(error));
  }
  if (admission === "service" && caller.role !== "service_role") {
    throw refusal.accessDenied("Access denied: Invalid role", 403);
  }
  return caller;
}
