import { logKey } from "../../../../../supabase/functions/_holdfast/repository/keys.ts";
import { MemoryStore } from "../../memory_store.ts";

/** A store whose log has owner records of these sequences. */
export function storeWithLog(...sequences: number[]): MemoryStore {
  const store = new MemoryStore();
  for (const sequence of sequences) store.write(logKey(sequence), record(sequence));
  return store;
}

/** An owner record of the log. */
export const record = (sequence: number) =>
  JSON.stringify({ kind: "owner", sequence, at: "then", project_url: "https://a" });

/** The same store with stale listings, which lack all records after one. */
export function withoutNewest(store: MemoryStore, last: number): MemoryStore {
  const list = store.list.bind(store);
  store.list = async (prefix, startAfter) => {
    const page = await list(prefix, startAfter);
    return { ...page, keys: page.keys.filter((key) => key <= logKey(last)) };
  };
  return store;
}
