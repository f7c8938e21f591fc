import { createClient } from "@supabase/supabase-js";

/** A supabase-js Storage client with a key and additional headers. */
export function storageClient(url: string, key: string, headers: Record<string, string> = {}) {
  const auth = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false };
  return createClient(url, key, { auth, global: { headers } }).storage;
}
