/** Path of the lock file below the supabase folder. */
export const LOCK_FILE = "holdfast.lock.json";

/** Path of the Supabase CLI's settings below the supabase folder. */
export const CONFIG_FILE = "config.toml";
