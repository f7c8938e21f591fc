import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "any success is taken for S3's word that an upload was assembled",
  breaks: ["no_missing_bytes"],
  scenarios: ["large"],
  edits: [{
    file: shared("repository/s3_uploads.ts"),
    find: "if (response.ok && text.includes(COMPLETED))",
    replace: "if (response.ok)",
  }],
};
