import { migration, type Plant } from "./plant.ts";

/** See `what`. */
export const plant: Plant = {
  what: "a snapshot lists what its own run put, and not what a cancelled run before it did",
  breaks: ["tells_the_truth", "no_missing_bytes"],
  scenarios: ["cancelled"],
  edits: [{
    file: migration("backup"),
    find: "e.repository = changed_names.repository and e.added_in > since and e.added_in <= upto",
    replace: "e.repository = changed_names.repository and e.added_in = upto",
  }],
};
