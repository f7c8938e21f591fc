import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "an error is logged together with the repository's secret key",
  violates: ["no_secret"],
  scenarios: ["first_backup"],
  edits: [{
    file: shared("observability/log.ts"),
    find: "redact(sanitizeJson(facts))",
    replace: 'JSON.stringify({ ...facts, key: Deno.env.get("HOLDFAST_S3_SECRET_ACCESS_KEY") })',
  }],
};
