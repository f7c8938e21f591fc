/** Reads only: runs and backups. */
import type { Hono } from "hono";
import { answerJson } from "./answer.ts";
import { type AppOptions, createApp } from "./app.ts";
import type { KeyedEnv } from "./keys.ts";
import { showRun } from "./runs.ts";

/** Newest rows that one answer lists. */
const MAX_ROWS = 100;

/** The routes of holdfast-api. */
export function createApiApp(options: AppOptions): Hono<KeyedEnv> {
  const app = createApp("holdfast-api", options);

  app.get("/runs", "look", async () => {
    const runs = await app.services().database.call("list_runs", { max_rows: MAX_ROWS });
    return answerJson({ runs });
  });

  app.get("/runs/:id", "look", async (context) => {
    return answerJson(await showRun(app, context.req.param("id")));
  });

  app.get("/backups", "look", async () => {
    const snapshots = await app.services().database.call("list_snapshots", { max_rows: MAX_ROWS });
    return answerJson({ snapshots });
  });

  return app.routes;
}
