/** The app of holdfast-backup: starts backups and imports, and runs their workers. */
import type { Hono } from "hono";
import { z } from "zod";
import { backupStages } from "../jobs/backup/stages.ts";
import { importStages } from "../jobs/import/stages.ts";
import { readRepositorySettings } from "../config/environment.ts";
import { checkBackupSettings } from "../config/settings.ts";
import { type App, type AppOptions, createApp } from "./app.ts";
import { readBody } from "./read_body.ts";
import type { KeyedEnv } from "./keys.ts";
import { acceptRun, addRunRoutes, addWorkRoute, type MakeStages } from "./run_routes.ts";

const emptySchema = z.strictObject({});
const takeOverSchema = z.strictObject({
  force: z.boolean({ error: "must be true or false" }).default(false),
});

/** Makes the routes of holdfast-backup. */
export function createBackupApp(options: AppOptions): Hono<KeyedEnv> {
  const app = createApp("holdfast-backup", options);
  const stages = () => {
    const services = app.services();
    return { ...backupStages(services), ...importStages(services) };
  };
  addWorkRoute(app, stages);
  addRunRoutes(app, "operate");

  app.post("/runs", "operate", async (context) => {
    const { caller } = context.var;
    await readBody(context.req.raw, emptySchema, options.clock);
    const { database, environment, project } = app.services();
    readRepositorySettings(environment);
    checkBackupSettings(await database.call("all_settings", {}));
    await database.call("bind_project", { project_url: project.url });
    const run = await database.call<string>("start_backup", { started_by: caller.name });
    return acceptRun(app, run, stages).response;
  });

  app.post("/imports", "operate", async (context) => {
    const { caller } = context.var;
    await readBody(context.req.raw, emptySchema, options.clock);
    return await beginImport(app, caller.name, {}, stages);
  });

  app.post("/take-over", "operate", async (context) => {
    const { caller } = context.var;
    const { force } = await readBody(context.req.raw, takeOverSchema, options.clock);
    return await beginImport(app, caller.name, { take_over: true, force }, stages);
  });

  return app.routes;
}

/**
 * Starts a run that reads the repository's log into the catalog. With `take_over` in the plan, the
 * run also makes this project the repository's owner.
 */
async function beginImport(
  app: App,
  startedBy: string,
  plan: Record<string, boolean>,
  stages: MakeStages,
): Promise<Response> {
  const { database, environment, project } = app.services();
  readRepositorySettings(environment);
  await database.call("bind_project", { project_url: project.url });
  const run = await database.call<string>("start_import", { started_by: startedBy, plan });
  return acceptRun(app, run, stages).response;
}
