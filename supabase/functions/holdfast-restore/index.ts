/** Starts restores and works as a lane of one. Deployed, keyed and revoked alone. */
/// <reference types="npm:@supabase/functions-js@2.119.0/src/edge-runtime.d.ts" />
import { z } from "zod";
import { clock } from "../_holdfast/engine/clock.ts";
import { answerJson } from "../_holdfast/http/answer.ts";
import { authorize, createApp, isolate } from "../_holdfast/http/app.ts";
import { readBody } from "../_holdfast/http/body.ts";
import { addRunRoutes, addWorkRoute, beginRun, showRun } from "../_holdfast/http/runs.ts";
import { checkSnapshot } from "../_holdfast/restore/choose.ts";
import { dropLeftScratchBuckets } from "../_holdfast/restore/scratch.ts";
import { restoreStages } from "../_holdfast/restore/stages.ts";
import { createObjectWriter } from "../_holdfast/project/target.ts";
import { createS3Store } from "../_holdfast/repository/s3_store.ts";
import { readRepositorySettings } from "../_holdfast/settings.ts";

const NAME = "holdfast-restore";
/** A dry run of a usual project is done by then; the platform wants an answer within 150 s. */
const DRY_RUN_WAIT_MS = 30_000;
const DRY_RUN_POLL_MS = 100;

const bodySchema = z.strictObject({
  snapshot: z.union([
    z.literal("latest"),
    z.string().regex(/^\d{8}T\d{6}Z-\d{1,16}$/),
    z.iso.datetime({ offset: true }),
  ], { error: "must be latest, a snapshot's id, or a time such as 2026-11-21T02:00:00Z" })
    .default("latest"),
  dryRun: z.boolean({ error: "must be true or false" }).default(true),
  overwrite: z.enum(["never", "if-changed", "always"], {
    error: "must be never, if-changed or always",
  }).default("never"),
});

/** Its routes, for the tests that look at each of them. */
export const app = createApp(NAME);
const stages = () => restoreStages(isolate().project, isolate().database);

addWorkRoute(app, NAME, stages, () => {
  const { database, project } = isolate();
  return dropLeftScratchBuckets(createObjectWriter(project), database);
});
addRunRoutes(app, NAME, "restore");

app.post("/runs", async (context) => {
  const caller = await authorize(context, "restore");
  const body = await readBody(context.req.raw, bodySchema);
  const { database, project } = isolate();
  await checkSnapshot(createS3Store(readRepositorySettings()), database, body.snapshot);
  await database.call("enter_project", { project_url: project.url });
  const run = await database.call<string>("start_restore", {
    plan: { snapshot: body.snapshot, dry_run: body.dryRun, overwrite: body.overwrite },
    started_by: caller.name,
  });
  const accepted = beginRun(NAME, run, stages);
  return body.dryRun ? await waitForReport(run) ?? accepted : accepted;
});

/** A dry run's report, if it is done soon. */
async function waitForReport(run: string): Promise<Response | undefined> {
  const deadline = clock.now() + DRY_RUN_WAIT_MS;
  while (clock.now() < deadline) {
    const shown = await showRun(run, NAME);
    if (shown["state"] !== "running") return answerJson(shown);
    await clock.delay(DRY_RUN_POLL_MS);
  }
  return undefined;
}

Deno.serve(app.fetch);
