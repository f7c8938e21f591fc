import { assertNoRowPassed } from "../../simulation/checks/progress.ts";
import type { Random } from "../../simulation/run/random.ts";
import type { Journal } from "../run/journal.ts";
import type { SoakProject } from "../environment/soak_project.ts";
import { openRun } from "./runs.ts";

/** Kills the processes of a function and checks what they had committed. */
export async function kill(project: SoakProject, random: Random, journal: Journal): Promise<void> {
  const killed = await project.functions.kill(
    random.one(["holdfast-backup", "holdfast-backup", "holdfast-restore"]),
  );
  journal.kills += killed;
  await assertNoRowPassed(project);
}

/** Cancels the running backup, if there is one. */
export async function cancel(project: SoakProject, journal: Journal): Promise<void> {
  const run = await openRun(project);
  if (run?.kind !== "backup") return;
  const url = `${project.url}/functions/v1/holdfast-backup/runs/${run.id}/cancel`;
  const headers = { apikey: await project.key("operate") };
  const response = await fetch(url, { method: "POST", headers });
  await response.body?.cancel();
  if (response.ok) journal.cancels++;
}
