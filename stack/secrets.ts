import type { ApiKeys } from "./edge/api_keys.ts";

/** Secrets of a project's functions, by name. */
export type Secrets = Record<string, string>;

/** The default secrets that Supabase sets for all functions of a project. */
export function defaultSecrets(
  project: { url: string; databaseUrl: string; keys: ApiKeys },
): Secrets {
  const { url, databaseUrl, keys } = project;
  return {
    SUPABASE_URL: url,
    SUPABASE_DB_URL: databaseUrl,
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: keys.secretKey }),
    SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: keys.publishableKey }),
    // Tokens are signed with a shared secret, which must not appear in a key set.
    SUPABASE_JWKS: JSON.stringify({ keys: [] }),
    SUPABASE_SERVICE_ROLE_KEY: keys.serviceRoleKey,
    SUPABASE_ANON_KEY: keys.anonKey,
  };
}

/**
 * The secrets after a change; null removes one.
 *
 * @throws {RangeError} for a name that is reserved for Supabase; its CLI refuses it, too
 */
export function changedSecrets(secrets: Secrets, change: Record<string, string | null>): Secrets {
  const changed = { ...secrets };
  for (const [name, value] of Object.entries(change)) {
    if (name.startsWith("SUPABASE_")) {
      throw new RangeError(`the secret ${name} is Supabase's: choose another name`);
    }
    if (value === null) delete changed[name];
    else changed[name] = value;
  }
  return changed;
}
