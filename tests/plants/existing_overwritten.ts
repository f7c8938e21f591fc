import { migration, type Plant, shared } from "./plant.ts";

/** See `what`. */
export const plant: Plant = {
  what: "a restore that is to overwrite nothing does",
  breaks: ["target_kept"],
  scenarios: ["restore_elsewhere"],
  edits: [
    {
      file: shared("restore/entry.ts"),
      find: 'if (plan.overwrite === "never") {',
      replace: 'if (String(plan.overwrite) === "nothing") {',
    },
    { file: shared("restore/entry.ts"), find: "if (!target.held) {", replace: "if (!target) {" },
    {
      file: migration("import_and_restore"),
      find: "and (restore_overwrites.keeps or holdfast_private.is_held(",
      replace: "and (true or holdfast_private.is_held(",
    },
  ],
};
