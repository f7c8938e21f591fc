import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "any successful status counts as a completed upload",
  violates: ["no_missing_bytes"],
  scenarios: ["large"],
  edits: [{
    file: shared("repository/s3_uploads.ts"),
    find: "if (response.ok && text.includes(COMPLETED))",
    replace: "if (response.ok)",
  }],
};
