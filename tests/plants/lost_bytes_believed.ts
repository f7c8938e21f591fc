import { type Plant, shared } from "./plant.ts";

/** See `what`. */
export const plant: Plant = {
  what: "a row whose version is known is taken for bytes that are there",
  breaks: ["restores_exactly", "tells_the_truth"],
  scenarios: ["restore_lost"],
  edits: [{
    file: shared("restore/entry.ts"),
    find: 'if (presence === "gone") {',
    replace: "if (!presence) {",
  }],
};
