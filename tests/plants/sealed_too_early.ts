import { migration, type Plant } from "./plant.ts";

/** See `what`. */
export const plant: Plant = {
  what: "the next stage begins when one cursor is finished, not the last one",
  breaks: ["tells_the_truth", "goes_on", "no_missing_bytes"],
  scenarios: ["first_backup", "incremental"],
  edits: [{
    file: migration("engine"),
    find:
      "if exists (select from holdfast_private.cursors cc where cc.run = c.run and cc.finished_at is null)",
    replace: "if false",
  }],
};
