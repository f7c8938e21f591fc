import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "a row whose version is known is taken for bytes that are there",
  breaks: ["restores_exactly", "snapshot_accurate"],
  scenarios: ["restore_lost_bytes"],
  edits: [{
    file: shared("restore/entry.ts"),
    find: 'if (presence === "gone") {',
    replace: "if (!presence) {",
  }],
};
