import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "a run begins to write although the log holds snapshots that the catalog lacks",
  violates: ["rewind_refused"],
  scenarios: ["rewound"],
  edits: [{
    file: shared("repository/open.ts"),
    find: 'const missedRecords = newRecords.filter((record) => record.kind !== "owner");',
    replace:
      'const missedRecords = newRecords.filter((record) => String(record.kind) === "never");',
  }],
};
