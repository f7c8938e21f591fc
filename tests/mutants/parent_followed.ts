import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "a snapshot names only its own changes and relies on its parent for the rest",
  violates: ["snapshot_accurate", "no_missing_bytes", "catalog_accurate"],
  scenarios: ["incremental"],
  edits: [{
    file: shared("jobs/backup/seal.ts"),
    find: "parts: [...page.inherited, ...page.parts],",
    replace: "parts: [...page.parts],",
  }],
};
