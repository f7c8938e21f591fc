import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "any successful status counts as a completed upload",
  violates: ["no_missing_bytes"],
  scenarios: ["large"],
  edits: [{
    file: shared("destinations/s3/uploads.ts"),
    find: "if (response.ok && text.includes(COMPLETED))",
    replace: "if (response.ok)",
  }],
};
