import { migration, type Plant } from "./plant.ts";

/** See `what`. */
export const plant: Plant = {
  what: "an upload that comes late over a restored object is left as it is",
  breaks: ["restores_exactly"],
  scenarios: ["restore_here"],
  edits: [{
    file: migration("overwrites"),
    find: "  perform holdfast.patch_objects(late);\n",
    replace: "",
  }],
};
