/** Looks: runs and backups. */
/// <reference types="npm:@supabase/functions-js@2.119.0/src/edge-runtime.d.ts" />
import { answerJson } from "../_holdfast/http/answer.ts";
import { authorize, createApp, isolate } from "../_holdfast/http/app.ts";
import { showRun } from "../_holdfast/http/runs.ts";

/** Newest rows that one answer lists. */
const MAX_ROWS = 100;

/** Its routes, for the tests that look at each of them. */
export const app = createApp("holdfast-api");

app.get("/runs", async (context) => {
  await authorize(context, "look");
  return answerJson({ runs: await isolate().database.call("list_runs", { max_rows: MAX_ROWS }) });
});

app.get("/runs/:id", async (context) => {
  await authorize(context, "look");
  return answerJson(await showRun(context.req.param("id")));
});

app.get("/backups", async (context) => {
  await authorize(context, "look");
  return answerJson({
    snapshots: await isolate().database.call("list_snapshots", { max_rows: MAX_ROWS }),
  });
});

Deno.serve(app.fetch);
