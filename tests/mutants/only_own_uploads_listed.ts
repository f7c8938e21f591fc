import { migration, type Mutant } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "a snapshot lists the uploads of its own run, but not those of an earlier cancelled run",
  violates: ["snapshot_accurate", "no_missing_bytes"],
  scenarios: ["cancelled"],
  edits: [{
    file: migration("backup"),
    find: "e.repository = changed_names.repository and e.added_in > since and e.added_in <= upto",
    replace: "e.repository = changed_names.repository and e.added_in = upto",
  }],
};
