import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "bytes that were corrupted on their way from Storage are accepted",
  violates: ["snapshot_accurate"],
  scenarios: ["first_backup", "incremental"],
  edits: [{
    file: shared("backup/read.ts"),
    find: "const looksSpoilt = range ? believe : spoiltReads();",
    replace: "const looksSpoilt = range ? believe : (spoiltReads(), believe);",
  }],
};
