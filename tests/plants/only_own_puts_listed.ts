import { migration, type Plant } from "./plant.ts";

/** See `what`. */
export const plant: Plant = {
  what: "a snapshot lists what its own run put, and not what a cancelled run before it did",
  breaks: ["tells_the_truth", "no_missing_bytes"],
  scenarios: ["cancelled"],
  edits: [{
    file: migration("seal"),
    find: "e.added_in > since and e.added_in <= upto",
    replace: "e.added_in = upto",
  }],
};
