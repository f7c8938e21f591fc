/** Below the supabase folder: what was installed. */
export const LOCK_FILE = "holdfast.lock.json";

/** Below the supabase folder: the Supabase CLI's settings. */
export const CONFIG_FILE = "config.toml";
