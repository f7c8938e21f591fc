import { migration, type Mutant } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "the bytes of a moved object are identified by their etag alone and not marked as assumed",
  violates: ["assumed_marked"],
  scenarios: ["incremental"],
  edits: [{
    file: migration("backup"),
    find: "coalesce(held.assumed, moved.blob is not null)",
    replace: "coalesce(held.assumed, false)",
  }],
};
