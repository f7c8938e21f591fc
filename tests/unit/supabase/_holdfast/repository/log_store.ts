import { logKey } from "../../../../../supabase/functions/_holdfast/repository/keys.ts";
import { MemoryStore } from "../../memory_store.ts";

/** A store whose log has owner records of these sequences. */
export function storeWithLog(...sequences: number[]): MemoryStore {
  const store = new MemoryStore();
  for (const sequence of sequences) store.write(logKey(sequence), record(sequence));
  return store;
}

/** An owner's record, as it lies in the log. */
export const record = (sequence: number) =>
  JSON.stringify({ kind: "owner", sequence, at: "then", project_url: "https://a" });
