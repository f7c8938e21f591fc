/** The app of holdfast-restore: starts restores and runs their workers. */
import type { Hono } from "hono";
import { z } from "zod";
import { importStages } from "../jobs/import/stages.ts";
import { createObjectWriter } from "../project/storage_writer.ts";
import { createS3Store } from "../destinations/s3/store.ts";
import { checkSnapshot } from "../jobs/restore/resolve_snapshot.ts";
import { dropOrphanedScratchBuckets } from "../jobs/restore/scratch.ts";
import { restoreStages } from "../jobs/restore/stages.ts";
import { readRepositorySettings } from "../config/environment.ts";
import { jsonResponse } from "./json_response.ts";
import { type App, type AppOptions, createApp } from "./app.ts";
import { readBody } from "./read_body.ts";
import type { KeyedEnv } from "./keys.ts";
import { acceptRun, addRunRoutes, addWorkRoute, showRun } from "./run_routes.ts";

/**
 * Longest wait for the report of a dry run. Most projects need less, and the platform ends a
 * request that has no response after 150 s.
 */
const DRY_RUN_WAIT_MS = 30_000;
/** Interval between queries for a dry run that other isolates work on. */
const DRY_RUN_POLL_MS = 1_000;

const bodySchema = z.strictObject({
  snapshot: z.union([
    z.literal("latest"),
    z.string().regex(/^\d{8}T\d{6}Z-\d{1,16}$/),
    z.iso.datetime({ offset: true }),
  ], { error: "must be latest, a snapshot's id, or a time such as 2026-11-21T02:00:00Z" })
    .default("latest"),
  dry_run: z.boolean({ error: "must be true or false" }).default(true),
  overwrite: z.enum(["never", "if_changed", "always"], {
    error: "must be never, if_changed or always",
  }).default("never"),
});

/** Makes the routes of holdfast-restore. */
export function createRestoreApp(options: AppOptions): Hono<KeyedEnv> {
  const app = createApp("holdfast-restore", options);
  const stages = () => {
    const services = app.services();
    return { ...importStages(services, "restore"), ...restoreStages(services) };
  };
  addWorkRoute(app, stages, () => {
    const { database, project, transport } = app.services();
    return dropOrphanedScratchBuckets(createObjectWriter(project, transport), database);
  });
  addRunRoutes(app, "restore");

  app.post("/runs", "restore", async (context) => {
    const { caller } = context.var;
    const body = await readBody(context.req.raw, bodySchema, options.clock);
    const { database, environment, project, transport } = app.services();
    const store = createS3Store(readRepositorySettings(environment), transport);
    await checkSnapshot(store, database, body.snapshot);
    await database.call("bind_project", { project_url: project.url });
    const run = await database.call<string>("start_restore", {
      plan: { snapshot: body.snapshot, dry_run: body.dry_run, overwrite: body.overwrite },
      started_by: caller.name,
    });
    const { response, sliceEnded } = acceptRun(app, run, stages);
    return body.dry_run ? await waitForReport(app, run, sliceEnded) ?? response : response;
  });

  return app.routes;
}

/**
 * Waits for the report of a dry run; undefined if the run takes too long. No query is sent while
 * this isolate runs a slice of it: the isolate has one connection to Postgres, and the slice needs it.
 */
async function waitForReport(
  app: App,
  run: string,
  sliceEnded: Promise<void>,
): Promise<Response | undefined> {
  const { clock } = app.services().transport;
  const deadline = clock.now() + DRY_RUN_WAIT_MS;
  const { promise: timeUp, resolve } = Promise.withResolvers<void>();
  const cancel = clock.after(DRY_RUN_WAIT_MS, resolve);
  await Promise.race([sliceEnded, timeUp]);
  cancel();
  while (clock.now() < deadline) {
    const shown = await showRun(app, run, app.name);
    if (shown["state"] !== "running") return jsonResponse(shown);
    await clock.delay(DRY_RUN_POLL_MS);
  }
  return undefined;
}
