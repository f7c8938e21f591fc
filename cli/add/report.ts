import { unifiedDiff } from "./diff.ts";
import { NEXT_STEPS } from "./next_steps.ts";
import type { Change, Plan } from "./plan.ts";

/** Describes a plan's changes, for the user to confirm. */
export function describePlan(plan: Plan): string {
  const ours = plan.changes.filter((change) => !change.theirs);
  const theirs = plan.changes.filter((change) => change.theirs);
  return [
    listing("New files", ours.filter((change) => change.before === undefined)),
    listing("Updated files of Holdfast", ours.filter((change) => change.before && change.after)),
    listing("Removed files of Holdfast", ours.filter((change) => change.after === undefined)),
    ...theirs.map(({ path, before, after }) => unifiedDiff(`supabase/${path}`, before, after)),
    ...plan.notes.map((note) => `Note: ${note}\n`),
  ].filter((part) => part !== "").join("\n");
}

/** The next commands, as the README lists them. */
export function describeNextSteps(): string {
  const steps = NEXT_STEPS.map(({ why, file, commands }) =>
    [`# ${why}`, ...(file ? [file.text.replace(/^/gm, "#   ")] : []), ...commands]
      .join("\n").replace(/^/gm, "  ")
  );
  return ["Next, in the folder that holds supabase:", ...steps].join("\n\n") + "\n";
}

function listing(title: string, changes: Change[]): string {
  if (changes.length === 0) return "";
  const paths = changes.map((change) => `  supabase/${change.path}\n`).join("");
  return `${title} (${changes.length}):\n${paths}`;
}
