/** Starts backups and works as a lane of one. */
/// <reference types="npm:@supabase/functions-js@2.119.0/src/edge-runtime.d.ts" />
import { z } from "zod";
import { backupStages } from "../_holdfast/backup/stages.ts";
import { authorize, createApp, isolate } from "../_holdfast/http/app.ts";
import { readBody } from "../_holdfast/http/body.ts";
import { addRunRoutes, addWorkRoute, beginRun } from "../_holdfast/http/runs.ts";
import { checkBackupSettings, readRepositorySettings } from "../_holdfast/settings.ts";

const NAME = "holdfast-backup";

/** Its routes, for the tests that look at each of them. */
export const app = createApp(NAME);
const stages = () => backupStages(isolate().project, isolate().database);

addWorkRoute(app, NAME, stages);
addRunRoutes(app, NAME, "operate");

app.post("/runs", async (context) => {
  const caller = await authorize(context, "operate");
  await readBody(context.req.raw, z.strictObject({}));
  const { database, project } = isolate();
  readRepositorySettings();
  checkBackupSettings(await database.call("all_settings", {}));
  await database.call("enter_project", { project_url: project.url });
  const run = await database.call<string>("start_backup", { started_by: caller.name });
  return beginRun(NAME, run, stages);
});

app.post("/imports", async (context) => {
  const caller = await authorize(context, "operate");
  await readBody(context.req.raw, z.strictObject({}));
  return await beginImport(caller.name, {});
});

app.post("/take-over", async (context) => {
  const caller = await authorize(context, "operate");
  const { force } = await readBody(
    context.req.raw,
    z.strictObject({ force: z.boolean({ error: "must be true or false" }).default(false) }),
  );
  return await beginImport(caller.name, { take_over: true, force });
});

/** Reads the repository's log into the catalog, and with take_over in the plan becomes its owner. */
async function beginImport(startedBy: string, plan: Record<string, boolean>): Promise<Response> {
  const { database, project } = isolate();
  readRepositorySettings();
  await database.call("enter_project", { project_url: project.url });
  const run = await database.call<string>("start_import", { started_by: startedBy, plan });
  return beginRun(NAME, run, stages);
}

Deno.serve(app.fetch);
