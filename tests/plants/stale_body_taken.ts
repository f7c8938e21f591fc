import { type Plant, shared } from "./plant.ts";

/** See `what`. */
export const plant: Plant = {
  what: "bytes are taken for a row's though their etag is that of another version",
  breaks: ["tells_the_truth"],
  scenarios: ["first_backup", "incremental"],
  edits: [{
    file: shared("backup/read.ts"),
    find: "if (rowEtag !== null && etag !== bareEtag(rowEtag)) {",
    replace: "if (rowEtag !== null && etag === undefined) {",
  }],
};
