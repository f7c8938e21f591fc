import { type Plant, shared } from "./plant.ts";

/** See `what`. */
export const plant: Plant = {
  what: "bytes that were flipped on their way from Storage are taken for the object's",
  breaks: ["tells_the_truth"],
  scenarios: ["first_backup", "incremental"],
  edits: [{
    file: shared("backup/read.ts"),
    find: "const looksSpoilt = range ? believe : spoiltReads();",
    replace: "const looksSpoilt = range ? believe : (spoiltReads(), believe);",
  }],
};
