import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "bytes that were corrupted on the way from Storage are accepted",
  violates: ["snapshot_accurate"],
  scenarios: ["first_backup", "incremental"],
  edits: [{
    file: shared("transfer/read_object.ts"),
    find: "const isCorrupted = range ? acceptAll : createEtagVerifier();",
    replace: "const isCorrupted = range ? believe : (createEtagVerifier(), acceptAll);",
  }],
};
