import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "a slice that takes over a seal composes the snapshot again",
  violates: ["makes_progress", "catalog_accurate", "no_missing_bytes"],
  scenarios: ["first_backup"],
  edits: [{
    file: shared("jobs/backup/seal.ts"),
    find: "if (lease.frozen !== null) {",
    replace: 'if (lease.frozen === "never") {',
  }],
};
