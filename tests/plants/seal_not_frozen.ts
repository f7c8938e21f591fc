import { type Plant, shared } from "./plant.ts";

/** See `what`. */
export const plant: Plant = {
  what: "a slice that takes a seal over composes the snapshot anew",
  breaks: ["goes_on", "catalog_true", "no_missing_bytes"],
  scenarios: ["first_backup"],
  edits: [{
    file: shared("backup/seal.ts"),
    find: "if (lease.frozen !== null) {",
    replace: 'if (lease.frozen === "never") {',
  }],
};
