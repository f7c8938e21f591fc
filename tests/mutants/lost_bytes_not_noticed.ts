import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "a known version counts as present bytes",
  violates: ["restores_exactly", "snapshot_accurate"],
  scenarios: ["restore_lost_bytes"],
  edits: [{
    file: shared("jobs/restore/restore_object.ts"),
    find: 'if (presence === "missing") {',
    replace: "if (!presence) {",
  }],
};
