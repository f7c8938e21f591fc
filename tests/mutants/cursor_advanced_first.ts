import { type Mutant, shared } from "./mutant.ts";

/** See `what`. */
export const mutant: Mutant = {
  what: "the cursor passes a page before its objects are copied",
  violates: ["no_row_passed"],
  scenarios: ["first_backup"],
  edits: [{
    file: shared("jobs/backup/scan.ts"),
    find: "    const { taken, results, counters, outage } = poisonObject && rest === items",
    replace: `    await context.commit("backup_commit", lease, {
      results: [],
      to_name: page.at(-1)?.name,
      done: {},
    });
    const { taken, results, counters, outage } = poisonObject && rest === items`,
  }],
};
