import { migration, type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "a restore overwrites objects although it may overwrite nothing",
  violates: ["target_kept"],
  scenarios: ["restore_other_project"],
  edits: [
    {
      file: shared("jobs/restore/restore_object.ts"),
      find: 'if (plan.overwrite === "never") {',
      replace: 'if (String(plan.overwrite) === "nothing") {',
    },
    {
      file: shared("jobs/restore/restore_object.ts"),
      find: "if (!target.held) {",
      replace: "if (!target) {",
    },
    {
      file: migration("import_and_restore"),
      find: "and (restore_overwrites.keeps or holdfast_private.is_held(",
      replace: "and (true or holdfast_private.is_held(",
    },
  ],
};
