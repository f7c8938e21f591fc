import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "a restored object counts as verified without being read",
  violates: ["restores_exactly"],
  scenarios: ["restore_other_project"],
  edits: [
    {
      file: shared("jobs/restore/write_new.ts"),
      find: "const compared = await compareAgain(item, scratch, outside);",
      replace: 'const compared = "same" as Awaited<ReturnType<typeof compare>>;',
    },
    {
      file: shared("jobs/restore/write_new.ts"),
      find: `  const compared = await compareAgain(item, locationOf(item), outside);
  if (compared !== "same") return differs`,
      replace: `  const compared = "same" as Awaited<ReturnType<typeof compare>>;
  if (compared !== "same") return differs`,
    },
  ],
};
