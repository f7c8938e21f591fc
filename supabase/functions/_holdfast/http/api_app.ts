/** Reads only: runs and backups. */
import type { Hono } from "hono";
import { answerJson } from "./answer.ts";
import { type AppOptions, createApp } from "./app.ts";
import { showRun } from "./runs.ts";

/** Newest rows that one answer lists. */
const MAX_ROWS = 100;

/** The routes of holdfast-api. */
export function createApiApp(options: AppOptions): Hono {
  const app = createApp("holdfast-api", options);

  app.routes.get("/runs", async (context) => {
    await app.authorize(context, "look");
    const runs = await app.services().database.call("list_runs", { max_rows: MAX_ROWS });
    return answerJson({ runs });
  });

  app.routes.get("/runs/:id", async (context) => {
    await app.authorize(context, "look");
    return answerJson(await showRun(app, context.req.param("id")));
  });

  app.routes.get("/backups", async (context) => {
    await app.authorize(context, "look");
    const snapshots = await app.services().database.call("list_snapshots", { max_rows: MAX_ROWS });
    return answerJson({ snapshots });
  });

  return app.routes;
}
