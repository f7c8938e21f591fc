import { type Plant, shared } from "./plant.ts";

/** See `what`. */
export const plant: Plant = {
  what: "a snapshot names its own changes alone, and leaves the rest to the one before it",
  breaks: ["tells_the_truth", "no_missing_bytes", "catalog_true"],
  scenarios: ["incremental"],
  edits: [{
    file: shared("backup/seal.ts"),
    find: "parts: [...page.inherited, ...page.parts],",
    replace: "parts: [...page.parts],",
  }],
};
