import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "a PUT whose answer is an error counts as done",
  violates: ["no_missing_bytes", "makes_progress"],
  scenarios: ["first_backup"],
  edits: [{
    file: shared("jobs/backup/copy.ts"),
    find: 'await store.put(key, bytes, { sha256 }) === "stored" ||',
    replace: 'await Promise.race([store.put(key, bytes, { sha256 }), "stored"]) === "stored" ||',
  }],
};
