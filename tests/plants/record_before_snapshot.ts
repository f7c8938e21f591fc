import { type Plant, shared } from "./plant.ts";

/** See `what`. */
export const plant: Plant = {
  what: "the log names a snapshot before its document is there",
  breaks: ["no_missing_bytes"],
  scenarios: ["first_backup", "incremental"],
  edits: [{
    file: shared("backup/seal.ts"),
    find: `  await putOwnDocument(store, snapshotKey(document.id), frozen);
  await putOwnDocument(store, logKey(document.sequence), formatDocument(record));`,
    replace: `  await putOwnDocument(store, logKey(document.sequence), formatDocument(record));
  await putOwnDocument(store, snapshotKey(document.id), frozen);`,
  }],
};
