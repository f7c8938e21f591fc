/** The app of holdfast-api: lists runs and backups. It is read-only. */
import type { Hono } from "hono";
import { jsonResponse } from "./json_response.ts";
import { type AppOptions, createApp } from "./app.ts";
import type { KeyedEnv } from "./keys.ts";
import { showRun } from "./run_routes.ts";

/** Most rows of one response, newest first. */
const MAX_ROWS = 100;

/** Makes the routes of holdfast-api. */
export function createApiApp(options: AppOptions): Hono<KeyedEnv> {
  const app = createApp("holdfast-api", options);

  app.get("/runs", "read", async () => {
    const runs = await app.services().database.call("list_runs", { max_rows: MAX_ROWS });
    return jsonResponse({ runs });
  });

  app.get("/runs/:id", "read", async (context) => {
    return jsonResponse(await showRun(app, context.req.param("id")));
  });

  app.get("/backups", "read", async () => {
    const snapshots = await app.services().database.call("list_snapshots", { max_rows: MAX_ROWS });
    return jsonResponse({ snapshots });
  });

  return app.routes;
}
