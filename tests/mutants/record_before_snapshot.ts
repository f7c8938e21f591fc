import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "the log names a snapshot before its document exists",
  violates: ["no_missing_bytes"],
  scenarios: ["first_backup", "incremental"],
  edits: [{
    file: shared("jobs/backup/seal.ts"),
    find: "  await putOwnDocument(store, snapshotKey(document.id), frozen);\n",
    replace: "",
  }, {
    file: shared("jobs/backup/seal.ts"),
    find: `  await context.commit("seal_run",`,
    replace: `  await putOwnDocument(store, snapshotKey(document.id), frozen);
  await context.commit("seal_run",`,
  }],
};
