import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "bytes are taken for a row's though their etag is that of another version",
  breaks: ["snapshot_accurate"],
  scenarios: ["first_backup", "incremental"],
  edits: [{
    file: shared("backup/read.ts"),
    find: "if (rowEtag !== null && etag !== bareEtag(rowEtag)) {",
    replace: "if (rowEtag !== null && etag === undefined) {",
  }],
};
