import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "bytes are accepted for a row although their etag is another version's",
  violates: ["snapshot_accurate"],
  scenarios: ["first_backup", "incremental"],
  edits: [{
    file: shared("transfer/read_object.ts"),
    find: "if (rowEtag !== null && etag !== unquoteEtag(rowEtag)) {",
    replace: "if (rowEtag !== null && etag === undefined) {",
  }],
};
