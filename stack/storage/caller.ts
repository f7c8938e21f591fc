import { refusal } from "./errors.ts";
import { type Claims, verifyToken } from "./token.ts";

/** The caller of a request, from its Bearer token. */
export interface Caller {
  /** The database role that the request's statements run as. */
  readonly role: string;
  /** The owner of what the request creates: the token's `sub`. */
  readonly owner: string | undefined;
  readonly claims: Claims;
  readonly token: string;
  /** False for a request without a valid token, which the route admits as `anon`. */
  readonly authenticated: boolean;
  /** Storage's name of the route's operation, for policies that call storage.operation(). */
  readonly operation: string;
}

/** How a route treats the Bearer token. */
export type Admission =
  /** Requires a valid token. */
  | "required"
  /** Serves public buckets to everyone: an invalid token counts as none. */
  | "optional"
  /** Requires a service key. */
  | "service"
  /** Ignores the token: the route is public, or uses a signed URL. */
  | "none";

function tokenOf(headers: Headers): string {
  return (headers.get("authorization") ?? "").replace(/^Bearer\s+/i, "");
}

/**
 * Determines the caller of a route.
 *
 * @throws StorageError InvalidRequest if a required header is missing; AccessDenied for an invalid
 *   token; AccessDenied with HTTP 403 if a required service key is missing.
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
