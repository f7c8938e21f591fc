import { createClient } from "@supabase/supabase-js";

/** Storage as supabase-js gives it to somebody with a key, who sends these headers, too. */
export function storageClient(url: string, key: string, headers: Record<string, string> = {}) {
  const auth = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false };
  return createClient(url, key, { auth, global: { headers } }).storage;
}
