import { migration, type Mutant } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "the next stage begins when one cursor is finished, not the last one",
  // The engine is shared: the restore that checks a snapshot may also skip a stage.
  violates: ["snapshot_accurate", "makes_progress", "no_missing_bytes", "restores_exactly"],
  scenarios: ["first_backup", "incremental"],
  edits: [{
    file: migration("engine"),
    find:
      "if exists (select from holdfast_private.cursors cc where cc.run = c.run and cc.finished_at is null)",
    replace: "if false",
  }],
};
